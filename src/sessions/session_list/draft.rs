//! A session that is about to begin.

use std::net::IpAddr;

use crate::sessions::events::SessionStarted;
use crate::sessions::table::Session;
use crate::sessions::token::SessionToken;

/// Device on which a session is begun.
#[derive(Debug, Clone)]
pub struct Device {
    /// User-Agent header of the client, cut to a bounded length.
    pub user_agent: Option<String>,
    /// Network address of the client, as the proxy settings have it.
    pub client_address: Option<IpAddr>,
}

/// A session that has not begun yet: its access token is signed before it is committed.
#[derive(Debug)]
pub struct PendingStart {
    /// Session as the table and the answer show it once it has begun.
    pub(crate) session: Session,
    /// Event that begins it, once it is appended.
    pub(crate) started: SessionStarted,
    /// Token for the client, of which the event has the hash only.
    pub(crate) token: SessionToken,
}

impl PendingStart {
    /// The session as it will be.
    pub fn session(&self) -> &Session {
        &self.session
    }
}
