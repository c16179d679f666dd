//! `GET /health/live`: liveness of the process.

use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};

use crate::api::tag::Tag;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;

crate::statuses! {
    /// Statuses of the failures of `GET /health/live`, without `500`.
    Statuses:;
}

/// The state of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub struct Health {
    /// Always `ok`: a node that is not well answers `503`.
    pub status: String,
}

impl Example for Health {
    fn example() -> Self {
        Self { status: "ok".to_owned() }
    }
}

/// Endpoint of the operation `getLiveness`.
#[derive(Debug, Default)]
pub struct GetLiveness;

#[OpenApi(tag = "Tag::Health")]
impl GetLiveness {
    /// Is the process alive?
    ///
    /// Answers as long as the process can answer anything. Restart the process when it does not.
    #[expect(clippy::unused_async, reason = "an endpoint")]
    #[oai(path = "/health/live", method = "get", operation_id = "getLiveness")]
    async fn live(&self) -> Result<Json<Health>, Failure<Statuses>> {
        Ok(Json(Health { status: "ok".to_owned() }))
    }
}
