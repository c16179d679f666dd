//! `POST /api/{user_id}/tasks/undo`: takes back the last change.

use poem_openapi::OpenApi;

use super::undo_redo::{TakenBackBody, undo_or_redo};
use crate::api::tag::Tag;
use crate::api::tasks::request::OwnerRequest;
use crate::api::tasks::responses::Changed;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::response::failure::Failure;
use crate::tasks::events::EditKind;

crate::statuses! {
    /// Statuses of the failures of `POST /api/{user_id}/tasks/undo`, without `500`.
    Statuses: 400, 401, 403, 409, 412, 422, 429, 503;
}

/// Endpoint of the operation `undoTasks`.
#[derive(Debug, Default)]
pub struct UndoTasks;

#[OpenApi(tag = "Tag::Tasks")]
impl UndoTasks {
    /// Undo
    ///
    /// Takes back the last change that was not taken back yet, by its opposite: a batch or an import as a whole. Repeated, it
    /// walks back to the empty list. The history keeps both. Beside others who change the list all the time it is tried again for
    /// five seconds, and then refused with `CONTENDED`.
    #[oai(path = "/api/:user_id/tasks/undo", method = "post", operation_id = "undoTasks")]
    async fn undo(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// Only if the list still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
    ) -> Result<Changed<TakenBackBody>, Failure<Statuses>> {
        Ok(undo_or_redo(&request, key, &if_match, EditKind::Undo).await?.into())
    }
}
