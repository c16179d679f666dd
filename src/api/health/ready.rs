//! `GET /health/ready`: whether the node should be sent requests.

use poem::Request;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};

use crate::api::state::State;
use crate::api::tag::Tag;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;

crate::statuses! {
    /// Statuses of the failures of `GET /health/ready`, without `500`.
    Statuses: 503;
}

/// The state of a node that takes requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub struct Ready {
    /// Always `ok`: a node that is not ready answers `503`.
    pub status: String,
    /// Position of the last event in the log.
    pub log_head: i64,
}

impl Example for Ready {
    fn example() -> Self {
        Self { status: "ok".to_owned(), log_head: 42 }
    }
}

/// Endpoint of the operation `getReadiness`.
#[derive(Debug, Default)]
pub struct GetReadiness;

#[OpenApi(tag = "Tag::Health")]
impl GetReadiness {
    /// Should this node be sent requests?
    ///
    /// Checks that the database answers, that the log can be read, that changes can be made, and that this node follows the log
    /// and knows what time it is. `503` while it starts or stops, and while the database is away, takes no writes or has refused them.
    #[oai(path = "/health/ready", method = "get", operation_id = "getReadiness")]
    async fn ready(&self, request: &Request) -> Result<Json<Ready>, Failure<Statuses>> {
        let state = State::of(request)?;
        let answers = state.gate.follower.is_following() && state.gate.follower.takes_changes();
        if state.readiness.is_closed() || !answers {
            return Err(Problem::unavailable().into());
        }
        let log_head = state.readiness.log_head().await?;
        Ok(Json(Ready { status: "ok".to_owned(), log_head }))
    }
}
