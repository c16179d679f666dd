//! Versions and times that lists are shown of, and what is wrong with them.

use crate::base::rfc3339;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::PageError;
use crate::tasks::history::moment::{Moment, TravelError};

/// The moment of which a list should be shown: a version or a time.
pub(super) fn moment(field: &str, text: &str) -> Result<Moment, Problem> {
    let version = text.parse().map(Moment::Version);
    version.or_else(|_| rfc3339::moment(text).map(Moment::Time)).map_err(|_| {
        let message =
            "must be a version of the list, or a date and time with its offset (RFC 3339)";
        Problem::field(field, Flaw::Invalid, message)
    })
}

/// The problem with a list that cannot be shown as it was; `field` said when.
pub(super) fn travelled(field: &str, error: TravelError) -> Problem {
    match error {
        TravelError::NoSuchVersion => no_such_version(field),
        TravelError::Read(error) => error.into(),
    }
}

/// The problem with a page that was not made; `field` said of when.
pub(super) fn not_made(field: &str, error: PageError) -> Problem {
    match error {
        PageError::Travel(error) => travelled(field, error),
        PageError::OtherCursor => Problem::field("cursor", Flaw::Unknown, NO_PAGE),
        PageError::Busy(error) => error.into(),
        PageError::Encoding(_) => Problem::internal(&error),
    }
}

/// `400`: the list has no such version.
pub(super) fn no_such_version(field: &str) -> Problem {
    Problem::field(field, Flaw::Unknown, "is not a version of this list")
}

/// The message about a cursor that the list had given before a restore.
const NO_PAGE: &str = "is not of a page of this list";
