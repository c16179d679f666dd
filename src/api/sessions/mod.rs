//! A user's sessions: which they are, and their ends.

pub mod end;
pub mod end_all;
mod ended;
pub mod list;

use self::end::EndSession;
use self::end_all::EndSessions;
use self::list::ListSessions;

/// The operations.
pub type Sessions = (ListSessions, EndSession, EndSessions);
