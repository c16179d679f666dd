//! Commands on entities that nobody has in memory, carried out without seating them.
//!
//! Bulk work comes by every entity once: by all whose time is over, or by those of every user. To seat each would fill the
//! memory with what nobody asks for again, and push out what people use. So its state is read, the command decided, and its
//! events appended at the expected version, like another node would do it. An entity that is seated meanwhile, or on another
//! node, is the faster one; then the command is decided again.

use std::sync::Arc;

use super::decision::{Commands, Decided};
use super::handle::Entities;
use super::request::CommandRequest;
use crate::eventlog::model::append::Context;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::error::{ExecuteError, StoreError};
use crate::eventlog::model::published::Outcome;
use crate::eventlog::model::stream::StreamName;

/// How often a command is decided again after another writer was faster.
const ATTEMPTS: usize = 8;

impl<D: Decider> Entities<D> {
    /// Carries out a command and answers when its events are committed. An entity that is not in memory stays out of it.
    ///
    /// # Errors
    ///
    /// The rejection, or why the log did not take the events.
    pub async fn execute_unseated(
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
        mut request: CommandRequest<D>,
    ) -> Result<Outcome<D>, ExecuteError<D::Rejection>> {
        let hydrated = self.log.hydrate::<D>(stream).await;
        let known = hydrated.map_err(|error| ExecuteError::Store(error.of_read()))?.published;
        let answer = request.awaited();
        let commands: Commands<D> = vec![Box::new(request)];
        let decided = Decided::of(&Arc::new(known), commands, &self.log).await;
        let (mut decided, commands) = decided.map_err(|_panicked| ExecuteError::NoReply)?;
        if let Some(append) = decided.append(stream) {
            self.log.append(append).await.map_err(ExecuteError::Store)?;
            // Whoever has seated it meanwhile has loaded it before.
            self.require(stream, decided.published.version);
        }
        decided.answer(commands);
        answer.await.unwrap_or(Err(ExecuteError::NoReply))
    }
}
