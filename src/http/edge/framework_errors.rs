//! Failures that the framework answers: they get the one error body.

use poem::Response;
use poem::http::{StatusCode, header};

use crate::http::response::json_body;
use crate::http::response::problem::codes;
use crate::http::response::problem::{PAGE, Problem};

/// Returns true if an answer is a failure that lacks the one error body.
pub(super) fn is_bare(response: &Response) -> bool {
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let is_told = |kind: &str| response.content_type() == Some(kind);
    failed && !is_told(json_body::CONTENT_TYPE) && !is_told(PAGE)
}

/// Gives a failure the one error body. `allowed` names the methods of the path, for a `405` (RFC 9110, section 15.5.6).
pub(super) async fn complete(response: Response, allowed: impl FnOnce() -> String) -> Response {
    let status = response.status();
    let text = response.into_body().into_string().await.unwrap_or_default();
    problem(status, &text, allowed).to_response()
}

fn problem(status: StatusCode, text: &str, allowed: impl FnOnce() -> String) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::nothing_here(),
        StatusCode::METHOD_NOT_ALLOWED => {
            let message = "This path does not have this method";
            let problem = Problem::new(codes::METHOD_NOT_ALLOWED, message);
            problem.with_header(header::ALLOW, allowed())
        }
        status if status.is_client_error() => Problem::not_understood().with_status(status),
        _ => Problem::internal(&format!("{status}: {text}")),
    }
}
