//! The last end of a session that a verifier knows.

use crate::eventlog::Point;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;

/// The last end that is known, in a parameter or header.
pub(super) fn point(field: &str, value: Option<&str>) -> Result<Point, Problem> {
    let Some(value) = value else { return Ok(Point::default()) };
    let flaw = |_| Problem::field(field, Flaw::Invalid, "must be the next of an answer");
    value.parse().map_err(flaw)
}
