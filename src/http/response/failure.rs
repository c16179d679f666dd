//! Failures of an operation, as the OpenAPI document lists them.
//!
//! An endpoint returns `Result<_, Failure<S>>`, where `S` lists its statuses. Every operation can also fail with `500`.

use std::fmt;
use std::marker::PhantomData;

use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;

use super::problem::{ErrorBody, Problem};

/// Statuses of the failures of one operation.
pub trait Statuses: Send + Sync + 'static {
    /// Statuses of its failures, without `500`.
    const LIST: &'static [u16];
}

/// A failure of an operation with these statuses.
pub struct Failure<S>(Problem, PhantomData<fn() -> S>);

impl<S: Statuses, E: Into<Problem>> From<E> for Failure<S> {
    fn from(error: E) -> Self {
        let problem = error.into();
        let status = problem.status().as_u16();
        debug_assert!(
            status == 500 || S::LIST.contains(&status),
            "{status} is not documented for this operation"
        );
        Self(problem, PhantomData)
    }
}

impl<S> fmt::Debug for Failure<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<S> From<Failure<S>> for poem::Error {
    fn from(failure: Failure<S>) -> Self {
        failure.0.into()
    }
}

impl<S: Statuses> ApiResponse for Failure<S> {
    fn meta() -> MetaResponses {
        let statuses = S::LIST.iter().copied().chain([500]);
        MetaResponses { responses: statuses.map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        ErrorBody::register(registry);
    }
}

fn response(status: u16) -> MetaResponse {
    MetaResponse {
        description: description(status),
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: super::json_body::CONTENT_TYPE,
            schema: ErrorBody::schema_ref(),
        }],
        headers: match status {
            401 => vec![header(
                "WWW-Authenticate",
                "How to authenticate, and why it failed (RFC 6750, section 3).",
            )],
            412 => vec![MetaHeader {
                required: false,
                ..header("ETag", "Entity tag of what is there now, if there is anything.")
            }],
            429 | 503 => {
                vec![header("Retry-After", "Seconds after which the request is worth repeating.")]
            }
            _ => Vec::new(),
        },
    }
}

fn header(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

fn description(status: u16) -> &'static str {
    match status {
        400 => "The request is malformed or its input invalid; `details` names the fields.",
        401 => "No token, or one that is not accepted; `code` and `WWW-Authenticate` say why.",
        403 => "Signed in, but not allowed to do this.",
        404 => "There is no such thing.",
        409 => "The request contradicts what is there already.",
        413 => "The body is too large.",
        412 => {
            "It is not as `If-Match` says; nothing was changed. `current` and `ETag` say what it is now."
        }
        415 => "The body is not of a media type that this takes.",
        422 => "The `Idempotency-Key` belongs to another request; nothing was changed.",
        428 => "The request has to say in `If-Match` which version it is about.",
        429 => "Too many requests: try again after `Retry-After` seconds.",
        503 => "Overloaded, or the database is away: try again after `Retry-After` seconds.",
        _ => "Something went wrong on the server's side; it is logged under `traceId`.",
    }
}

/// Names the statuses of one operation: `statuses! { ListTasks: 400, 401 }`.
#[macro_export]
macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident: $($status:literal),*;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}

            impl $crate::http::response::failure::Statuses for $name {
                const LIST: &'static [u16] = &[$($status),*];
            }
        )+
    };
}
