//! The list behind a page: as it is now, or as it was.

use std::sync::Arc;

use super::history::moment::{Moment, TravelError};
use super::limits::bulk_limiter::Busy;
use super::listing::Query;
use super::lists::Tasks;
use super::task_list::TaskList;
use crate::base::id::UserId;
use crate::eventlog::{Published, ReadError};

/// Reasons for which a page of tasks was not made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The list could not be shown as it is or was.
    #[error(transparent)]
    Travel(#[from] TravelError),
    /// The cursor comes from a page of another history than this list has.
    #[error("the cursor belongs to another history")]
    OtherCursor,
    /// Too much of the user's work is in progress or waits.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The page has no JSON form.
    #[error("a page of tasks has no JSON form: {0}")]
    Encoding(String),
}

impl From<ReadError> for PageError {
    fn from(error: ReadError) -> Self {
        Self::Travel(error.into())
    }
}

impl PageError {
    /// Error of a page that could not be encoded.
    pub(crate) fn of_encoding(error: impl std::fmt::Display) -> Self {
        Self::Encoding(error.to_string())
    }
}

impl Tasks {
    /// A user's list for a page, as the list is now or was.
    ///
    /// # Errors
    ///
    /// If the list did not exist at that moment, cannot be read, or has another history than the cursor of the query.
    pub async fn list_of_page(
        &self,
        owner: UserId,
        query: &Query,
        as_of: Option<Moment>,
    ) -> Result<Arc<Published<TaskList>>, PageError> {
        let list = match as_of {
            None => self.of(owner).await.map_err(TravelError::from)?,
            // Boxed, so that a read of the present state does not carry the future of a read of the past.
            Some(moment) => Box::pin(self.as_of(owner, moment)).await?,
        };
        if self.fits(owner, list.state.version, query).await? {
            Ok(list)
        } else {
            Err(PageError::OtherCursor)
        }
    }
}
