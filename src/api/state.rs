//! The state of the application: everything that endpoints reach.

use std::sync::Arc;

use poem::Request;

use super::readiness::Readiness;
use super::tasks::pages::Pages;
use crate::authn::gate::Gate;
use crate::base::clock::Timestamp;
use crate::eventlog::Mark;
use crate::http::detached::Begun;
use crate::http::response::problem::Problem;
use crate::http::server::Server;
use crate::revocations::Revocations;
use crate::tasks::Tasks;

/// Everything that endpoints reach. Cheap to clone.
#[derive(Debug, Clone)]
pub struct State {
    /// Accounts, sessions and keys, and the check of who calls.
    pub gate: Arc<Gate>,
    /// The public address, budgets and time limits.
    pub server: Server,
    /// Ends of sessions, for verifiers elsewhere.
    pub revocations: Revocations,
    /// Task lists.
    pub tasks: Tasks,
    /// Encoded pages of task lists.
    pub pages: Pages,
    /// The readiness of this node to take requests.
    pub readiness: Readiness,
    /// Work that a disconnect must not cut short.
    pub begun: Begun,
    /// Draws the marks of events.
    pub draw_mark: fn(Timestamp) -> Mark,
}

impl State {
    /// The state of the application that a request has come to.
    ///
    /// # Errors
    ///
    /// The application was put together without it, which its tests exclude.
    pub fn of(request: &Request) -> Result<&Self, Problem> {
        let state = request.data::<Arc<Self>>().map(|state| &**state);
        state.ok_or_else(|| Problem::internal(&"the application has no state"))
    }

    /// The state, if this node follows the log.
    ///
    /// # Errors
    ///
    /// The node does not know what others changed.
    pub fn following(request: &Request) -> Result<&Self, Problem> {
        Gate::open(request)?;
        Self::of(request)
    }

    /// Waits until streams have to end: the server stops, or this node cannot know any more what happens.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let (stops, is_lost) = (self.readiness.clone().closed(), self.gate.follower.clone().lost());
        async move {
            futures_util::future::select(Box::pin(stops), Box::pin(is_lost)).await;
        }
    }
}
