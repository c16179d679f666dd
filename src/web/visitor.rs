//! Visitor of a page: a signed-in user.

use poem::Request;

use super::form::Form;
use super::own_path::OwnPath;
use super::page_failure::{PageFailure, Resubmission, Viewer};
use crate::accounts::account::Profile;
use crate::api::auth::access_token::profile_of;
use crate::api::state::State;
use crate::authn::caller::{Owner, SignedIn};
use crate::base::id::UserId;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;

/// A user with a live session.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    /// Proof of the session.
    pub(super) signed_in: SignedIn,
    /// Name and address, as pages show them.
    pub(super) profile: Profile,
    /// Cookie with a later expiry, if the request has extended the session.
    pub(super) cookie: Option<String>,
}

impl Visitor {
    /// Authenticates the sender of the request, if signed in.
    ///
    /// # Errors
    ///
    /// Fails if that cannot be decided for the moment, or the cookie comes with a change from another site.
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

    /// Id of the signed-in user.
    pub(super) fn user_id(&self) -> UserId {
        self.signed_in.session.user_id
    }

    /// Page about a problem, for this visitor.
    pub(super) fn told(&self, problem: impl Into<Problem>) -> PageFailure {
        PageFailure::told_to(problem.into(), self.clone().into())
    }

    /// Checks that the visitor owns the tasks that a path names.
    ///
    /// # Errors
    ///
    /// Fails if they are another user's.
    pub(super) fn owner_of(&self, user_id: &str) -> Result<Owner, PageFailure> {
        self.signed_in.owner_of(user_id).map_err(|problem| self.told(problem))
    }

    /// Authenticates the sender of the request, who must be signed in.
    ///
    /// # Errors
    ///
    /// Fails if they are not, or that cannot be decided for the moment.
    pub(super) async fn required(request: &Request) -> Result<Self, PageFailure> {
        match SignedIn::of(request).await {
            Ok(signed_in) => Ok(Self::known(request, signed_in).await?),
            Err(problem) if problem.is_unauthorized() => {
                Err(PageFailure::SignIn(OwnPath::of_page(request)))
            }
            Err(problem) => Err(problem.into()),
        }
    }

    /// Reads a form of a signed-in user. A form that was shown to another user is refused: signing in in another tab
    /// replaces the cookie under a page that is still open.
    ///
    /// # Errors
    ///
    /// Fails if the sender is not signed in, or the form is refused.
    pub(super) async fn sending(request: &mut Request) -> Result<(Self, Form), PageFailure> {
        let form = Form::of(request).await?;
        let again = Resubmission::new(request, &form);
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

/// Fails with `403` if the page with the form was shown to another user.
pub(super) fn require_shown_to(form: &Form, user_id: UserId) -> Result<(), Problem> {
    let shown_to = form.text("user");
    let is_theirs = shown_to.is_empty() || shown_to.parse() == Ok(user_id);
    let message = "Another user has signed in here since this page was shown";
    is_theirs.then_some(()).ok_or_else(|| Problem::forbidden(codes::SOMEBODY_ELSE, message))
}
