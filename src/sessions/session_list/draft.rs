//! A session that is about to begin.

use std::net::IpAddr;

use crate::sessions::events::SessionStarted;
use crate::sessions::table::Session;
use crate::sessions::token::SessionToken;

/// What a session is begun from.
#[derive(Debug, Clone)]
pub struct Device {
    /// What the client says of itself (User-Agent).
    pub user_agent: Option<String>,
    /// Its network address.
    pub client_address: Option<IpAddr>,
}

/// A session that has not begun yet.
#[derive(Debug)]
pub struct Draft {
    pub(crate) session: Session,
    pub(crate) started: SessionStarted,
    pub(crate) token: SessionToken,
}

impl Draft {
    /// The session as it will be.
    pub fn session(&self) -> &Session {
        &self.session
    }
}
