//! Task operations. Each begins with the [`Owner`](crate::authn::caller::Owner), which refuses every other caller.
//!
//! [`mod@read`] has those that change nothing, [`mod@write`] those that do.

pub mod bodies;
pub mod files;
pub(crate) mod forms;
mod moments;
mod own_permit;
pub mod page_cache;
pub mod read;
mod refusals;
mod representations;
pub(crate) mod request;
mod responses;
pub mod write;
mod writing;

use self::read::Reads;
use self::write::Writes;

/// Operations of this folder, for the API's service.
pub type Tasks = (Reads, Writes);
