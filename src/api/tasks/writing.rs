//! Commands of a request: from the owner's HTTP request to the task lists, and the answer back.

use super::refusals::refused;
use super::request::OwnerRequest;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::response::problem::Problem;
use crate::tasks::idempotency::record::{CommandAnswer, HashedKey, KeyedRequest};
use crate::tasks::task_list::command::Command;
use crate::tasks::writing::{Answering, WriteError, Writing};

impl OwnerRequest<'_> {
    /// Data with which the task lists carry out a command of this request. `digest` is the hash of its body, so that an
    /// idempotency key is not used for another request.
    pub(super) fn writing(&self, key: &MaybeIdempotencyKey, digest: [u8; 32]) -> Writing {
        let uri = self.http.original_uri().path_and_query().map_or("", |path| path.as_str());
        let parts = [self.http.method().as_str().as_bytes(), uri.as_bytes(), &digest];
        let key = key.0.as_ref().map(|key| HashedKey::of(key.as_str()));
        let keyed = key.map(|key| KeyedRequest::new(self.user_id(), key, &parts));
        Writing { owner: self.user_id(), context: self.owner.context(), keyed, permit: None }
    }

    /// Carries out a command about one task.
    pub(super) async fn write(
        &self,
        writing: &Writing,
        command: Command,
        answering: Answering,
    ) -> Result<CommandAnswer, Problem> {
        self.answered(self.state.tasks.write(writing, command, answering).await, None).await
    }

    /// Answer to a command, or the problem about its refusal. `commands` names the list in the body that the command came
    /// from, if there were several.
    pub(super) async fn answered(
        &self,
        done: Result<CommandAnswer, WriteError>,
        commands: Option<&str>,
    ) -> Result<CommandAnswer, Problem> {
        match done {
            Ok(answer) => Ok(answer),
            Err(error) => Err(refused(self.state, self.user_id(), error, commands).await),
        }
    }
}
