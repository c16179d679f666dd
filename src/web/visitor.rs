//! Who looks at a page.

use poem::Request;

use super::form::Form;
use super::instead::{Again, Instead, Viewer};
use super::own_path::OwnPath;
use crate::accounts::account::Profile;
use crate::api::auth::access_token::profile_of;
use crate::api::state::State;
use crate::authn::caller::{Owner, SignedIn};
use crate::base::id::UserId;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;

/// Somebody with a live session.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    /// Their session, proven.
    pub(super) signed_in: SignedIn,
    /// What is known of them.
    pub(super) profile: Profile,
    /// Keeps their cookie for longer, if the request has extended the session.
    pub(super) cookie: Option<String>,
}

impl Visitor {
    /// Who sent the request, if they are signed in.
    ///
    /// # Errors
    ///
    /// When nobody can say for the moment, or the cookie comes with a change from another site.
    pub(super) async fn of(request: &Request) -> Result<Option<Self>, Problem> {
        match SignedIn::if_any(request).await? {
            Some(signed_in) => Self::known(request, signed_in).await.map(Some),
            None => Ok(None),
        }
    }

    async fn known(request: &Request, signed_in: SignedIn) -> Result<Self, Problem> {
        let state = State::of(request)?;
        let cookie = signed_in.refreshed_cookie(request, &state.gate);
        let account = state.gate.accounts.of(signed_in.session.user_id).await?;
        let profile = profile_of(&account)?.clone();
        Ok(Self { signed_in, profile, cookie })
    }

    /// The user.
    pub(super) fn user_id(&self) -> UserId {
        self.signed_in.session.user_id
    }

    /// A page about a problem, for this person.
    pub(super) fn told(&self, problem: impl Into<Problem>) -> Instead {
        Instead::told_to(problem.into(), self.clone().into())
    }

    /// The user as the owner of what a path names.
    ///
    /// # Errors
    ///
    /// When it is somebody else's.
    pub(super) fn owner_of(&self, user_id: &str) -> Result<Owner, Instead> {
        self.signed_in.owner_of(user_id).map_err(|problem| self.told(problem))
    }

    /// Who sent the request, which only those who are signed in may.
    ///
    /// # Errors
    ///
    /// When they are not, or nobody can say for the moment.
    pub(super) async fn required(request: &Request) -> Result<Self, Instead> {
        match SignedIn::of(request).await {
            Ok(signed_in) => Ok(Self::known(request, signed_in).await?),
            Err(problem) if problem.is_unauthorized() => {
                Err(Instead::SignIn(OwnPath::of_page(request)))
            }
            Err(problem) => Err(problem.into()),
        }
    }

    /// What somebody who is signed in has typed into a form. The form of a page that was shown to somebody else is not
    /// theirs: whoever signs in in another tab has the cookie from then on.
    ///
    /// # Errors
    ///
    /// When nobody is, or the form is not to be taken.
    pub(super) async fn sending(request: &mut Request) -> Result<(Self, Form), Instead> {
        let form = Form::of(request).await?;
        let again = Again::new(request, &form);
        let visitor = Self::required(request).await.map_err(|instead| instead.keeping(again))?;
        require_shown_to(&form, visitor.user_id()).map_err(|problem| visitor.told(problem))?;
        Ok((visitor, form))
    }
}

impl From<Visitor> for Viewer {
    fn from(visitor: Visitor) -> Self {
        Self { user_id: visitor.user_id(), cookie: visitor.cookie }
    }
}

/// `403` if the page with the form was shown to somebody else.
pub(super) fn require_shown_to(form: &Form, user_id: UserId) -> Result<(), Problem> {
    let shown_to = form.text("user");
    let is_theirs = shown_to.is_empty() || shown_to.parse() == Ok(user_id);
    let message = "Somebody else has signed in here since this page was shown";
    is_theirs.then_some(()).ok_or_else(|| Problem::forbidden(codes::SOMEBODY_ELSE, message))
}
