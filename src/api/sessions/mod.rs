//! Operations on a user's sessions.

pub mod end;
pub mod end_all;
mod ended;
pub mod list;

use self::end::EndSession;
use self::end_all::EndSessions;
use self::list::ListSessions;

/// Operations of this folder, for the API's service.
pub type Sessions = (ListSessions, EndSession, EndSessions);
