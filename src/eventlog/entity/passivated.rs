//! Commands on entities that are not in memory, executed without admitting them to it.
//!
//! Bulk work comes by every entity once: by all that have expired, or by those of every user. To admit each of them would
//! fill the memory with entities that are not needed again, and evict those in use. So the state is read, the command
//! decided, and its events appended at the expected version, as another node would do it. A writer of the entity that is
//! faster, here or on another node, causes a conflict; then the command is decided again.

use std::sync::Arc;

use super::decision::{ATTEMPTS, Decision};
use super::handle::Entities;
use super::request::CommandRequest;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::error::{ExecuteError, StoreError};
use crate::eventlog::model::new_event::Context;
use crate::eventlog::model::published::Outcome;
use crate::eventlog::model::stream::StreamName;

impl<D: Decider> Entities<D> {
    /// Executes a command and answers once its events are committed. An entity that is not in memory stays out of it.
    ///
    /// # Errors
    ///
    /// The rejection, or the reason for which the log did not take the events.
    pub async fn execute_passivated(
        &self,
        stream: &StreamName,
        command: D::Command,
        context: Context,
    ) -> Result<Outcome<D>, ExecuteError<D::Rejection>> {
        for _ in 0..ATTEMPTS {
            let request = CommandRequest::new(command.clone(), context.clone());
            if self.holds(stream) {
                return self.execute(stream, request).await;
            }
            let attempt = Box::pin(self.attempt(stream, self.paid(request)?)).await;
            if !matches!(attempt, Err(ExecuteError::Store(StoreError::Conflict))) {
                return attempt;
            }
        }
        Err(ExecuteError::Contended)
    }

    async fn attempt(
        &self,
        stream: &StreamName,
        request: CommandRequest<D>,
    ) -> Result<Outcome<D>, ExecuteError<D::Rejection>> {
        let hydrated = self.log.hydrate::<D>(stream).await;
        let known = hydrated.map_err(|error| ExecuteError::Store(error.of_read()))?.published;
        let commands = vec![Box::new(request)];
        let decided = Decision::of_group(stream, &Arc::new(known), commands, &self.log).await;
        // The request holds its lease until the command is answered.
        let (decision, _request) = decided.map_err(|_panicked| ExecuteError::NoReply)?;
        let Decision { append, published, mut outcomes, .. } = decision;
        if !append.is_empty() {
            self.log.append(append).await.map_err(ExecuteError::Store)?;
            // State that was loaded here before the append, if the entity was admitted meanwhile, is stale now.
            self.require(stream, published.version);
        }
        outcomes.pop().unwrap_or(Err(ExecuteError::NoReply))
    }
}
