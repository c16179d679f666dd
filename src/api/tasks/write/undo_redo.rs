//! Undo and redo: changes that are taken back, or done again.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use crate::api::example;
use crate::api::tasks::bodies::change::ChangeBody;
use crate::api::tasks::own_permit::OwnPermit;
use crate::api::tasks::representations::answer;
use crate::api::tasks::request::OwnerRequest;
use crate::eventlog::Point;
use crate::http::request::hashed_body::NO_BODY;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::response::problem::Problem;
use crate::tasks::events::EditKind;
use crate::tasks::history::entry::Entry;
use crate::tasks::idempotency::record::CommandAnswer;
use crate::tasks::writing::Answering;

/// What was taken back, or done again.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TakenBack", rename_all = "camelCase", example)]
pub(super) struct TakenBackBody {
    /// The first 100 of the changes that this made.
    changes: Vec<ChangeBody>,
    /// How many there are.
    total: u64,
    /// Whether there is more to take back.
    can_undo: bool,
    /// Whether there is something to do again.
    can_redo: bool,
    /// The version of the list now.
    version: Point,
}

impl Example for TakenBackBody {
    fn example() -> Self {
        let change = ChangeBody::example();
        let (before, after) = (change.after, change.before);
        let undone = ChangeBody {
            version: example::version(3),
            deed: EditKind::Undo,
            before,
            after,
            ..ChangeBody::example()
        };
        Self {
            changes: vec![undone],
            total: 1,
            can_undo: true,
            can_redo: true,
            version: example::version(3),
        }
    }
}

/// Takes back the last change that was not taken back yet, or does again the one that was taken back last.
pub(super) async fn undo_or_redo(
    request: &OwnerRequest<'_>,
    key: MaybeIdempotencyKey,
    if_match: &IfMatch,
    deed: EditKind,
) -> Result<CommandAnswer, Problem> {
    let (state, user_id) = (request.state, request.user_id());
    let OwnPermit(permit) = OwnPermit::of(state, user_id, &key).await?;
    let writing = request.writing(&key, NO_BODY).holding(permit);
    let (wanted, stamp) = ((deed, if_match.versions()), request.stamp());
    let done = state.tasks.undo_or_redo(&writing, wanted, stamp, as_undo_result()).await;
    request.answered(done, None).await
}

/// Answer of an undo or redo.
fn as_undo_result() -> Answering {
    Answering::made(|done| {
        let list = &done.list;
        let count = i64::try_from(done.total).unwrap_or(i64::MAX);
        let told = (list.version - count + 1..).zip(&done.first);
        let entry =
            |(version, event)| ChangeBody::from(Entry::new(version, event, done.by.clone()));
        let body = TakenBackBody {
            changes: told.map(entry).collect(),
            total: done.total as u64,
            can_undo: list.state.undo.is_some(),
            can_redo: list.state.redo.is_some(),
            version: list.state.version,
        };
        answer(body.version, None, &body)
    })
}
