//! Problems of the feed of revocations.

use crate::eventlog::ReadError;
use crate::http::response::problem::Problem;
use crate::revocations::TellError;

impl From<TellError> for Problem {
    fn from(error: TellError) -> Self {
        match error {
            TellError::Doubtful => Self::unavailable(),
            TellError::Store(error) => ReadError::Store(error).into(),
            TellError::Crowded => Self::too_many_streams(),
            TellError::Issue(error) => error.into(),
        }
    }
}
