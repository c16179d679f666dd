//! Pages of a history: their beginning, and their errors.

use crate::eventlog::VersionInHistory;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::history::HistoryError;

/// Parses the version before which a page of the history begins.
pub(super) fn before(text: Option<&str>) -> Result<Option<VersionInHistory>, Problem> {
    text.map(str::parse).transpose().map_err(|_| Problem::field("before", Flaw::Invalid, NO_PAGE))
}

/// Message about a version that is of no page of the history.
const NO_PAGE: &str = "must be the nextBefore of a page of this history";

/// Problem of a history that cannot be read.
pub(super) fn not_told(error: HistoryError) -> Problem {
    match error {
        HistoryError::NoSuchVersion => Problem::field("before", Flaw::Unknown, NO_PAGE),
        HistoryError::Read(error) => error.into(),
    }
}
