//! Refusals of credentials, with the audit event that they are worth.

use crate::http::response::problem::Problem;
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;

/// Reason for which a credential is refused, and the part of the credential that telemetry may tell.
#[derive(Debug)]
pub(crate) struct AuthError {
    /// Answer to the request, which also decides if there is an audit event.
    pub(super) problem: Problem,
    /// User and session, known only if the credential is authentic.
    about: About<'static>,
}

impl AuthError {
    /// Returns a function that makes problems refusals of a credential of this user and session.
    pub(crate) fn about(about: About<'static>) -> impl Fn(Problem) -> Self {
        move |problem| Self { problem, about }
    }

    /// Returns the answer, after writing the audit event of the refused token. There is no event for a missing credential, nor
    /// for one that cannot be judged for the moment.
    pub(crate) fn told(self) -> Problem {
        let Self { problem, about } = self;
        if problem.is_unauthorized() && problem != Problem::unauthenticated() {
            audit_events::token_refused(about, problem.reason());
        }
        problem
    }

    /// Returns the answer without an audit event, for callers to which a refused credential is as good as none.
    pub(crate) fn untold(self) -> Problem {
        self.problem
    }
}

impl<E: Into<Problem>> From<E> for AuthError {
    fn from(error: E) -> Self {
        Self { problem: error.into(), about: About::default() }
    }
}
