//! Pages of a history: where they begin, and why there is none.

use crate::eventlog::Within;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::history::HistoryError;

/// The version before which a history is told.
pub(super) fn before(text: Option<&str>) -> Result<Option<Within>, Problem> {
    text.map(str::parse).transpose().map_err(|_| Problem::field("before", Flaw::Invalid, NO_PAGE))
}

/// The message about a version that is of no page of the history.
const NO_PAGE: &str = "must be the nextBefore of a page of this history";

/// The problem with a history that is not told.
pub(super) fn not_told(error: HistoryError) -> Problem {
    match error {
        HistoryError::NoSuchVersion => Problem::field("before", Flaw::Unknown, NO_PAGE),
        HistoryError::Read(error) => error.into(),
    }
}
