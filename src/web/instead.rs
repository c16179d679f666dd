//! What is answered instead of a page.

use poem::Response;

use super::own_path::OwnPath;
use super::page;
use super::visitor::Visitor;
use crate::http::problem::Problem;

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum Instead {
    /// Whoever asks has to sign in first, to come back afterwards if they only wanted to look.
    SignIn(Option<OwnPath>),
    /// Something is wrong; who is told so, if they are known.
    Problem(Problem, Option<Box<Visitor>>),
}

impl Instead {
    /// The answer.
    pub(super) fn into_response(self) -> Response {
        match self {
            Self::SignIn(None) => page::lead_to("/login"),
            Self::SignIn(Some(path)) => page::lead_to(&format!("/login?next={}", path.encoded())),
            Self::Problem(problem, visitor) => page::of_problem(&problem, visitor.as_deref()),
        }
    }
}

impl<E: Into<Problem>> From<E> for Instead {
    fn from(error: E) -> Self {
        Self::Problem(error.into(), None)
    }
}
