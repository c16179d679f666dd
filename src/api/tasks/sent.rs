//! A request for a change, on its way to the task lists.

use std::sync::Arc;

use super::refusals::answered;
use super::request::OwnerRequest;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::response::problem::Problem;
use crate::tasks::idempotency::record::{HashedKey, KeyedRequest, RecordedAnswer};
use crate::tasks::limits::turns::Turn;
use crate::tasks::task_list::command::Command;
use crate::tasks::writing::{Answering, Writing};

/// A request for a change, with its sender and idempotency key.
pub(super) struct Sent<'a> {
    /// Proven owner, HTTP request and state.
    pub(super) request: &'a OwnerRequest<'a>,
    /// Idempotency key, if there is one.
    key: MaybeIdempotencyKey,
    /// Hash of the body, so that a key is not used for another request.
    digest: [u8; 32],
    /// Permit for a bulk operation, if it may take long.
    turn: Option<Arc<Turn>>,
}

impl<'a> Sent<'a> {
    /// A request with this key, if it has one, and this hash of its body.
    pub(super) fn new(
        request: &'a OwnerRequest<'a>,
        key: MaybeIdempotencyKey,
        digest: [u8; 32],
    ) -> Self {
        Self { request, key, digest, turn: None }
    }

    /// Adds the owner's permit, which the work holds until its end.
    pub(super) fn in_turn(self, turn: Arc<Turn>) -> Self {
        Self { turn: Some(turn), ..self }
    }

    /// Data with which the task lists carry it out.
    pub(super) fn writing(&self) -> Writing {
        let Self { request: OwnerRequest { owner, http, .. }, key, digest, turn } = self;
        let uri = http.original_uri().path_and_query().map_or("", |path| path.as_str());
        let parts = [http.method().as_str().as_bytes(), uri.as_bytes(), digest];
        let key = key.0.as_ref().map(|key| HashedKey::of(key.as_str()));
        let asked = key.map(|key| KeyedRequest::new(owner.user_id, key, &parts));
        let turn = turn.clone();
        Writing { owner: owner.user_id, context: owner.context(), asked, turn }
    }

    /// Carries out a command about one task.
    pub(super) async fn write(
        self,
        command: Command,
        answering: Answering,
    ) -> Result<RecordedAnswer, Problem> {
        self.write_all(command, answering, None).await
    }

    /// Carries out a command. `commands` names the list in the body that it came from, if there were several.
    pub(super) async fn write_all(
        self,
        command: Command,
        answering: Answering,
        commands: Option<&str>,
    ) -> Result<RecordedAnswer, Problem> {
        let (state, owner) = (self.request.state, self.request.user_id());
        let done = state.tasks.write(&self.writing(), command, answering).await;
        answered(state, owner, done, commands).await
    }
}
