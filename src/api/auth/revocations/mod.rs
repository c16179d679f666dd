//! Ends of sessions, for verifiers elsewhere.

pub mod list;
mod since;
pub mod stream;

use self::list::ListRevocations;
use self::stream::StreamRevocations;

/// Operations of this folder, for the API's service.
pub type Revocations = (ListRevocations, StreamRevocations);
