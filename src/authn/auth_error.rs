//! Refusals of credentials.

use crate::http::response::problem::Problem;
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;

/// Why a credential is refused, and the part of it that telemetry may tell.
#[derive(Debug)]
pub(crate) struct AuthError {
    pub(super) problem: Problem,
    about: About<'static>,
}

impl AuthError {
    /// Makes problems refusals of a credential that names somebody.
    pub(crate) fn about(about: About<'static>) -> impl Fn(Problem) -> Self {
        move |problem| Self { problem, about }
    }

    /// The answer, after the audit event of the refused token. There is none for a missing credential, nor for one that cannot be judged
    /// for the moment.
    pub(crate) fn told(self) -> Problem {
        let Self { problem, about } = self;
        if problem.is_unauthorized() && problem != Problem::unauthenticated() {
            audit_events::token_refused(about, problem.reason());
        }
        problem
    }

    /// The answer where a refused credential is as good as none.
    pub(crate) fn untold(self) -> Problem {
        self.problem
    }
}

impl<E: Into<Problem>> From<E> for AuthError {
    fn from(error: E) -> Self {
        Self { problem: error.into(), about: About::default() }
    }
}
