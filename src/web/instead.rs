//! What is answered instead of a page.

use poem::{Request, Response};

use super::form::Form;
use super::own_path::OwnPath;
use super::page;
use super::visitor::Visitor;
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
    /// Who is told so, if they are known.
    pub(super) visitor: Option<Visitor>,
    /// What was typed, to be sent again.
    pub(super) again: Option<Again>,
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

    /// Something is wrong, and this is who is told so.
    pub(super) fn told_to(problem: Problem, visitor: &Visitor) -> Self {
        let visitor = Some(visitor.clone());
        Self::Problem(Box::new(Trouble { problem, visitor, again: None }))
    }

    /// The answer.
    pub(super) fn into_response(self) -> Response {
        match self {
            Self::SignIn(None) => page::lead_to("/login"),
            Self::SignIn(Some(path)) => page::lead_to(&format!("/login?next={}", path.encoded())),
            Self::SignInAgain => page::lead_to("/login?again=1&next=/account"),
            Self::Problem(trouble) => page::of_trouble(*trouble),
        }
    }
}

impl<E: Into<Problem>> From<E> for Instead {
    fn from(error: E) -> Self {
        let problem = error.into();
        Self::Problem(Box::new(Trouble { problem, visitor: None, again: None }))
    }
}
