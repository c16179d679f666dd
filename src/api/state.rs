//! State of the application, which endpoints reach through the request.

use std::sync::Arc;

use poem::Request;

use super::readiness::Readiness;
use super::tasks::page_cache::PageCache;
use crate::authn::gate::Gate;
use crate::base::clock::Timestamp;
use crate::eventlog::Mark;
use crate::http::detached::DetachedTasks;
use crate::http::response::problem::Problem;
use crate::http::server::Server;
use crate::revocations::Revocations;
use crate::tasks::Tasks;

/// Handles that endpoints need. Cheap to clone.
#[derive(Debug, Clone)]
pub struct State {
    /// Accounts, sessions and keys, and the authentication of callers.
    pub gate: Arc<Gate>,
    /// Public address, budgets and timeouts.
    pub server: Server,
    /// Ended sessions, for verifiers elsewhere.
    pub revocations: Revocations,
    /// Task lists, their history and idempotency keys.
    pub tasks: Tasks,
    /// Response cache of pages of task lists.
    pub pages: PageCache,
    /// Readiness of this node for requests.
    pub readiness: Readiness,
    /// Detached tasks, which a disconnect does not cancel.
    pub detached: DetachedTasks,
    /// Generator of the marks of events.
    pub draw_mark: fn(Timestamp) -> Mark,
}

impl State {
    /// State of the application that has received a request.
    ///
    /// # Errors
    ///
    /// Fails if the application was built without it, which its tests exclude.
    pub fn of(request: &Request) -> Result<&Self, Problem> {
        let state = request.data::<Arc<Self>>().map(|state| &**state);
        state.ok_or_else(|| Problem::internal(&"the application has no state"))
    }

    /// The state, if this node follows the log.
    ///
    /// # Errors
    ///
    /// Fails if the node may lack changes of other nodes.
    pub fn following(request: &Request) -> Result<&Self, Problem> {
        Gate::open(request)?;
        Self::of(request)
    }

    /// Waits until streams must end: the server stops, or this node no longer hears of every change.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let (stops, is_lost) = (self.readiness.clone().closed(), self.gate.follower.clone().lost());
        async move {
            futures_util::future::select(Box::pin(stops), Box::pin(is_lost)).await;
        }
    }
}
