//! Problems of text and worker pools, which every feature uses.

use crate::base::text::InvalidText;
use crate::capacity::worker_pool::WorkError;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;

impl From<InvalidText> for Flaw {
    fn from(error: InvalidText) -> Self {
        match error {
            InvalidText::Empty => Self::Empty,
            InvalidText::TooLong(_) => Self::TooLong,
            InvalidText::ControlCharacter | InvalidText::Nul => Self::Invalid,
        }
    }
}

impl From<WorkError> for Problem {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Overloaded => Self::overloaded(),
            WorkError::Failed => Self::internal(&error),
        }
    }
}
