//! The API: every operation of every feature, as one typed service.
//!
//! Each file in the folders below has one operation: its statuses, its bodies, its place in the OpenAPI document, and its
//! code. Code that several operations share stands beside them.

pub mod account;
pub mod auth;
mod example;
pub mod health;
pub mod openapi;
mod parameters;
pub mod paths;
pub mod query;
pub mod readiness;
mod schemas;
pub mod service;
pub mod sessions;
pub mod state;
pub mod tag;
pub mod tasks;
pub mod warm_read;

use poem::endpoint::{BoxEndpoint, DynEndpoint};
use poem::{Request, Response, Result};

/// Answers a request to the API. An unreadable parameter is explained by the rules in the document.
///
/// # Errors
///
/// Fails with the refusal of the request.
pub async fn answer(api: &BoxEndpoint<'static>, request: Request) -> Result<Response> {
    query::require_known(&request)?;
    let (method, uri) = (request.method().clone(), request.uri().clone());
    DynEndpoint::call(&**api, request).await.map_err(|error| {
        parameters::explained(error, &uri, query::operation_of(&method, uri.path()))
    })
}
