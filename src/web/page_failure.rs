//! Answers in place of a page.

use poem::Request;

use super::form::Form;
use super::own_path::OwnPath;
use crate::base::id::UserId;
use crate::http::response::problem::Problem;

/// Reason for which a page is not shown.
#[derive(Debug)]
pub(super) enum PageFailure {
    /// A sign-in is required first; it leads back to this path.
    SignIn(Option<OwnPath>),
    /// A new sign-in is required, which leads back to the account.
    SignInAgain,
    /// The request failed; its page says why.
    Problem(Box<PageProblem>),
}

/// A failure, with what its page shows beside it.
#[derive(Debug)]
pub(super) struct PageProblem {
    /// Status and message of the failure.
    pub(super) problem: Problem,
    /// The user who sees the page, if known.
    pub(super) viewer: Option<Viewer>,
    /// Submitted fields, to be sent again.
    pub(super) again: Option<Resubmission>,
}

/// A signed-in user, as far as a page about a problem needs it.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    /// Owner of the tasks to which the page leads.
    pub(super) user_id: UserId,
    /// Cookie with a later expiry, if the request has extended the session.
    pub(super) cookie: Option<String>,
}

/// Submitted fields of a form, to be sent again. Never a password.
#[derive(Debug)]
pub(super) struct Resubmission {
    /// Path to which the form is sent.
    pub(super) path: String,
    /// Names and texts of the fields.
    pub(super) fields: Vec<(String, String)>,
}

impl Resubmission {
    /// Keeps the fields that a request has sent.
    pub(super) fn new(request: &Request, form: &Form) -> Self {
        Self { path: request.uri().path().to_owned(), fields: form.without_passwords() }
    }
}

impl PageFailure {
    /// Adds the submitted fields to a problem.
    pub(super) fn keeping(self, again: Resubmission) -> Self {
        match self {
            Self::Problem(trouble) => {
                Self::Problem(Box::new(PageProblem { again: Some(again), ..*trouble }))
            }
            elsewhere @ (Self::SignIn(_) | Self::SignInAgain) => elsewhere,
        }
    }

    /// A problem whose page is shown to a signed-in user.
    pub(super) fn told_to(problem: Problem, viewer: Viewer) -> Self {
        Self::Problem(Box::new(PageProblem { problem, viewer: Some(viewer), again: None }))
    }
}

impl<E: Into<Problem>> From<E> for PageFailure {
    fn from(error: E) -> Self {
        let problem = error.into();
        Self::Problem(Box::new(PageProblem { problem, viewer: None, again: None }))
    }
}
