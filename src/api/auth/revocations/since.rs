//! Position after which a verifier wants ends of sessions.

use crate::eventlog::Point;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;

/// Parses the last known end from a parameter or header; without one, the beginning.
pub(super) fn point(field: &str, value: Option<&str>) -> Result<Point, Problem> {
    let Some(value) = value else { return Ok(Point::default()) };
    let flaw = |_| Problem::field(field, Flaw::Invalid, "must be the next of an answer");
    value.parse().map_err(flaw)
}
