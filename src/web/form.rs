//! Forms: their origin, their fields, and the errors shown in them.
//!
//! A form is accepted from this site's own pages only, with or without a session: signing a user in to another account is an
//! attack too. Browsers send the origin of a request in `Sec-Fetch-Site`, or else in `Origin`; without either, no form is
//! accepted.

use std::fmt;

use poem::Request;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::api::state::State;
use crate::http::request::body::{MAX_BODY, require_type};
use crate::http::request::intake::receive;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::http::response::problem::field_problem::FieldProblem;
use crate::http::site::{Sender, Site};

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Most fields of a form.
const MOST_FIELDS: usize = 32;
/// Most characters of a field: a longer text is too long for every field, and is shown again.
const LONGEST: usize = 4_096;

/// Fields of a submitted form.
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads the form of a request.
    ///
    /// # Errors
    ///
    /// Fails if it does not come from a page of this site, is too large, or is no form.
    pub(super) async fn of(request: &mut Request) -> Result<Self, Problem> {
        require_own_page(request, &State::of(request)?.server.site)?;
        require_type(request, "a form", &[CONTENT_TYPE])?;
        let body = request.take_body();
        let body = receive(request, body, MAX_BODY).await?;
        let pairs = form_urlencoded::parse(&body).take(MOST_FIELDS);
        let cut = |text: &str| cut(text, LONGEST);
        Ok(Self(pairs.map(|(name, value)| (cut(&name), Zeroizing::new(cut(&value)))).collect()))
    }

    /// Text of a field; empty if there is no such field.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Fields that are no passwords.
    pub(super) fn without_passwords(&self) -> Vec<(String, String)> {
        let fields =
            self.0.iter().filter(|(name, _)| !name.to_ascii_lowercase().contains("password"));
        fields.map(|(name, value)| (name.clone(), value.as_str().to_owned())).collect()
    }
}

/// Shows no field, since some are passwords.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form")
    }
}

/// First `most` characters of a text.
pub(super) fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Fails with `403` unless a page of this site sent the request.
fn require_own_page(request: &Request, site: &Site) -> Result<(), Problem> {
    let is_own = site.sender(request) == Sender::Own;
    let refused = "Forms are accepted from this site's own pages only";
    is_own.then_some(()).ok_or_else(|| Problem::forbidden(codes::UNTRUSTED_ORIGIN, refused))
}

/// Errors in a form, beside its fields and above them.
#[derive(Debug, Clone, Default)]
pub(super) struct Complaints {
    /// Errors of single fields, shown beside them.
    fields: Vec<FieldProblem>,
    /// Error of the whole form, shown above it.
    whole: Option<String>,
}

impl Complaints {
    /// Errors in a form that a problem describes.
    pub(super) fn of(problem: &Problem) -> Self {
        let fields = problem.details().to_vec();
        let whole = fields.is_empty().then(|| problem.message().to_owned());
        Self { fields, whole }
    }

    /// Error of a field.
    pub(super) fn about(&self, name: &str) -> Option<&str> {
        let problem = self.fields.iter().find(|problem| problem.field == name);
        problem.map(|problem| problem.message.as_str())
    }

    /// Error of the form as a whole.
    pub(super) fn whole(&self) -> Option<&str> {
        self.whole.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site {
            origin: "https://id.example.com".to_owned(),
            secure: true,
            trusted_origins: vec!["https://app.example.com".to_owned()],
            trusted_proxies: 0,
        }
    }

    fn sent_with(headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        require_own_page(&request.finish(), &site()).is_ok()
    }

    #[test]
    fn a_form_is_taken_from_a_page_of_this_site_only() {
        let own = "https://id.example.com";
        for headers in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("origin", own)],
            &[("origin", "https://id.internal:8443"), ("host", "id.internal:8443")],
        ] {
            assert!(sent_with(headers), "{headers:?}");
        }
        for headers in [
            &[][..],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", own)],
            &[("sec-fetch-site", "none")],
            &[("origin", "null")],
            &[("origin", "https://app.example.com")],
            &[("origin", "http://id.example.com"), ("host", "id.example.com")],
            &[("referer", own)],
        ] {
            assert!(!sent_with(headers), "{headers:?}");
        }
    }

    #[test]
    fn a_problem_is_told_beside_its_field_or_above_all_of_them() {
        let invalid = Complaints::of(&Problem::fields(vec![FieldProblem {
            field: "name".to_owned(),
            code: "NAME_EMPTY".to_owned(),
            message: "must not be empty".to_owned(),
        }]));
        assert_eq!((invalid.about("name"), invalid.whole()), (Some("must not be empty"), None));
        let wrong = Complaints::of(&Problem::wrong_credentials());
        assert_eq!(
            (wrong.about("email"), wrong.whole()),
            (None, Some("Invalid email or password"))
        );
    }
}
