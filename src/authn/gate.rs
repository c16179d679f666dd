//! The gate: everything that authentication needs, and the check that this node may answer at all.

use std::sync::Arc;

use poem::Request;

use super::freshness::Freshness;
use crate::accounts::Accounts;
use crate::base::clock::Clock;
use crate::eventlog::cluster::follower::Follower;
use crate::http::response::problem::Problem;
use crate::http::site::Site;
use crate::keys::Keys;
use crate::sessions::Sessions;

/// The handles that authentication reads. Every request carries one.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Accounts: a session is accepted only with one that is not deleted and has its credential.
    pub accounts: Accounts,
    /// Sessions, by id and by token.
    pub sessions: Sessions,
    /// Keys, which verify access tokens.
    pub keys: Keys,
    /// The node's link to the log; without it the node cannot know the sessions that ended elsewhere.
    pub follower: Follower,
    /// The check of cluster mode that the memory of this node still is true.
    pub freshness: Freshness,
    /// The clock by which tokens expire.
    pub clock: Clock,
    /// The public address, which decides on the cookie's name and on trusted origins.
    pub site: Arc<Site>,
}

impl Gate {
    /// Returns the gate of a request.
    ///
    /// # Errors
    ///
    /// If the application was put together without it, which its tests exclude.
    pub fn of(request: &Request) -> Result<&Self, Problem> {
        let gate = request.data::<Arc<Self>>().map(|gate| &**gate);
        gate.ok_or_else(|| Problem::internal(&"the application has no gate"))
    }

    /// Returns the gate of a request, if this node follows the log.
    ///
    /// # Errors
    ///
    /// Fails while the node does not know the changes of other nodes.
    pub fn open(request: &Request) -> Result<&Self, Problem> {
        let gate = Self::of(request)?;
        if gate.follower.is_following() { Ok(gate) } else { Err(Problem::unavailable()) }
    }
}
