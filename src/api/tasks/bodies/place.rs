//! Place of a task in the manual order, as requests name it.

use super::reading::Reading;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::task_list::command::Destination;
use crate::tasks::values::TaskId;

/// Message about a neighbour that is not in the list.
const NO_NEIGHBOUR: &str = "must be a task of this list";

/// Place right before or right after a task, if exactly one of them is named.
pub(crate) fn place(
    before: Option<&str>,
    after: Option<&str>,
    reading: &mut Reading,
) -> Option<Destination> {
    let (name, text, place): (_, _, fn(TaskId) -> Destination) = match (before, after) {
        (Some(before), None) => ("before", before, Destination::Before),
        (None, Some(after)) => ("after", after, Destination::After),
        (Some(_), Some(_)) => {
            reading.wrong("after", Flaw::Invalid, "cannot be combined with before");
            return None;
        }
        (None, None) => {
            reading.wrong("before", Flaw::Missing, "is missing, and so is after");
            return None;
        }
    };
    let id = text.parse().map(place);
    id.map_err(|_| reading.wrong(name, Flaw::Unknown, NO_NEIGHBOUR)).ok()
}
