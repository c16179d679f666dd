//! What is answered instead of a page.

use poem::Request;

use super::form::Form;
use super::own_path::OwnPath;
use crate::base::id::UserId;
use crate::http::response::problem::Problem;

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum Instead {
    /// Whoever asks has to sign in first, to come back afterwards.
    SignIn(Option<OwnPath>),
    /// A new sign-in is needed, which leads back to the account.
    SignInAgain,
    /// Something is wrong.
    Problem(Box<Trouble>),
}

/// Something is wrong.
#[derive(Debug)]
pub(super) struct Trouble {
    /// What.
    pub(super) problem: Problem,
    /// The person who is told so, if they are known.
    pub(super) viewer: Option<Viewer>,
    /// What was typed, to be sent again.
    pub(super) again: Option<Again>,
}

/// A person who is signed in, as far as a page about a problem has to know them.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    /// The user.
    pub(super) user_id: UserId,
    /// Keeps their cookie for longer, if the request has extended the session.
    pub(super) cookie: Option<String>,
}

/// What was typed into a form. Never a password.
#[derive(Debug)]
pub(super) struct Again {
    /// Where it is sent.
    pub(super) path: String,
    /// Its fields by their names.
    pub(super) fields: Vec<(String, String)>,
}

impl Again {
    /// What a request has sent.
    pub(super) fn new(request: &Request, form: &Form) -> Self {
        Self { path: request.uri().path().to_owned(), fields: form.without_passwords() }
    }
}

impl Instead {
    /// Something is wrong, and this is what was typed.
    pub(super) fn keeping(self, again: Again) -> Self {
        match self {
            Self::Problem(trouble) => {
                Self::Problem(Box::new(Trouble { again: Some(again), ..*trouble }))
            }
            elsewhere @ (Self::SignIn(_) | Self::SignInAgain) => elsewhere,
        }
    }

    /// A problem that a person is told of.
    pub(super) fn told_to(problem: Problem, viewer: Viewer) -> Self {
        Self::Problem(Box::new(Trouble { problem, viewer: Some(viewer), again: None }))
    }
}

impl<E: Into<Problem>> From<E> for Instead {
    fn from(error: E) -> Self {
        let problem = error.into();
        Self::Problem(Box::new(Trouble { problem, viewer: None, again: None }))
    }
}
