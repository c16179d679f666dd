//! Ends of sessions, for verifiers elsewhere.

pub mod list;
mod since;
pub mod stream;

use self::list::ListRevocations;
use self::stream::StreamRevocations;

/// The operations.
pub type Revocations = (ListRevocations, StreamRevocations);
