//! Versions and times at which lists are shown, and the errors about them.

use crate::base::rfc3339;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::PageError;
use crate::tasks::history::moment::{Moment, TravelError};

/// Parses the moment at which a list should be shown: a version or a time.
pub(super) fn moment(field: &str, text: &str) -> Result<Moment, Problem> {
    let version = text.parse().map(Moment::Version);
    version.or_else(|_| rfc3339::moment(text).map(Moment::Time)).map_err(|_| {
        let message =
            "must be a version of the list, or a date and time with its offset (RFC 3339)";
        Problem::field(field, Flaw::Invalid, message)
    })
}

/// Problem of a list that cannot be shown as it was; `field` named the moment.
pub(super) fn travelled(field: &str, error: TravelError) -> Problem {
    match error {
        TravelError::NoSuchVersion => no_such_version(field),
        TravelError::Read(error) => error.into(),
    }
}

/// Problem of a page that was not made; `field` named the moment of the list.
pub(super) fn not_made(field: &str, error: PageError) -> Problem {
    match error {
        PageError::Travel(error) => travelled(field, error),
        PageError::OtherCursor => Problem::field("cursor", Flaw::Unknown, NO_PAGE),
        PageError::Busy(error) => error.into(),
        PageError::Encoding(_) => Problem::internal(&error),
    }
}

/// Fails with `400`: the list has no such version.
pub(super) fn no_such_version(field: &str) -> Problem {
    Problem::field(field, Flaw::Unknown, "is not a version of this list")
}

/// Message about a cursor from before a restore of the database.
const NO_PAGE: &str = "is not of a page of this list";
