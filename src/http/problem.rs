//! The one error body, and the only place that knows statuses.
//!
//! `code` is a contract that clients may rely on; `message` is for people. Sources of errors are logged here, once, and
//! never shown. The errors of the layers below become problems in `translate.rs`.

use std::borrow::Cow;
use std::fmt;

use poem::Response;
use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem_openapi::Object;
use serde::Serialize;

use super::json;
use crate::telemetry::current_trace_id;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Error", rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct ErrorBody {
    /// Stable name of what went wrong, for programs: `INVALID_EMAIL_OR_PASSWORD` for instance.
    pub code: String,
    /// What went wrong, for people.
    pub message: String,
    /// Identifies the request in logs and traces (W3C trace id).
    pub trace_id: String,
    /// The fields that are not as they should be, when the input is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<FieldProblem>>,
}

/// A field that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
pub struct FieldProblem {
    /// Path of the field in the request, for instance `title`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// An answer that is not what was asked for. Boxed: most results carry none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<Content>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    details: Vec<FieldProblem>,
    header: Option<(HeaderName, String)>,
}

/// Seconds after which a refused request is worth repeating.
const RETRY_AFTER: &str = "1";

impl Problem {
    /// A problem with this status, stable code and message.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Content {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
            header: None,
        }))
    }

    /// `400`: one field of the input is invalid.
    pub fn field(field: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::fields(vec![FieldProblem { field: field.into(), message: message.to_string() }])
    }

    /// `400`: fields of the input are invalid.
    pub fn fields(details: Vec<FieldProblem>) -> Self {
        let named: Vec<_> =
            details.iter().map(|detail| format!("{} {}", detail.field, detail.message)).collect();
        let message = named.join("; ");
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "INVALID_INPUT", message);
        problem.0.details = details;
        problem
    }

    /// `401`: no token was sent (RFC 6750, section 3.1: no error code in the challenge then).
    pub fn unauthenticated() -> Self {
        Self::challenge("UNAUTHORIZED", "Sign in first: this needs an access token or a session")
    }

    /// `401`: the address or the password is wrong, and nobody is told which.
    pub fn wrong_credentials() -> Self {
        Self::challenge("INVALID_EMAIL_OR_PASSWORD", "Invalid email or password")
    }

    fn challenge(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
            .with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"keyfold\"".to_owned())
    }

    /// `401`: the token is not accepted, and `WWW-Authenticate` says why (RFC 6750, section 3).
    pub fn invalid_token(code: &'static str, reason: impl fmt::Display) -> Self {
        let challenge = format!(
            "Bearer realm=\"keyfold\", error=\"invalid_token\", error_description=\"{reason}\""
        );
        let mut message = reason.to_string();
        if let Some(first) = message.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self::new(StatusCode::UNAUTHORIZED, code, message)
            .with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// `403`: signed in, but not allowed.
    pub fn forbidden(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// `503`: too much waits already. Nothing was done.
    pub fn overloaded() -> Self {
        Self::retry_later(
            "OVERLOADED",
            "The server is overloaded; nothing was changed, try again shortly",
        )
    }

    /// `503`: the database is away.
    pub fn unavailable() -> Self {
        Self::retry_later(
            "UNAVAILABLE",
            "The server cannot answer for the moment, try again shortly",
        )
    }

    /// `503`: the change may or may not have been made.
    pub fn outcome_unknown() -> Self {
        Self::retry_later(
            "OUTCOME_UNKNOWN",
            "The change may or may not have been made; look before trying again",
        )
    }

    /// The same failure of the second half of a sign-up, whose first half is done.
    #[must_use]
    pub fn after_sign_up(self) -> Self {
        if self.0.status == StatusCode::SERVICE_UNAVAILABLE {
            Self::retry_later(
                "SIGNED_UP_ONLY",
                "The account was made, but no session has begun: sign in",
            )
        } else {
            self
        }
    }

    /// `500`, after logging what happened.
    pub fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::unexpected()
    }

    /// `500` with nothing to say.
    pub fn unexpected() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "Something went wrong on our side",
        )
    }

    fn retry_later(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            .with_header(header::RETRY_AFTER, RETRY_AFTER.to_owned())
    }

    fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// Whether it is a `401`.
    pub fn is_unauthorized(&self) -> bool {
        self.0.status == StatusCode::UNAUTHORIZED
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    fn body(&self) -> ErrorBody {
        ErrorBody {
            code: self.0.code.to_owned(),
            message: self.0.message.to_string(),
            trace_id: current_trace_id().to_string(),
            details: (!self.0.details.is_empty()).then(|| self.0.details.clone()),
        }
    }

    /// The answer.
    pub fn to_response(&self) -> Response {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = json::respond(body.into());
        response.set_status(self.0.status);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = &self.0.header
            && let Ok(value) = HeaderValue::try_from(value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// Whether an answer is a failure that the framework noticed, which lacks the one error body.
    pub fn is_missing_in(response: &Response) -> bool {
        let failed = response.status().is_client_error() || response.status().is_server_error();
        failed && response.content_type() != Some(json::CONTENT_TYPE)
    }

    /// Gives it the one error body. `allowed` names the methods of the path, for a `405` (RFC 9110, section 15.5.6).
    pub async fn complete(response: Response, allowed: impl FnOnce() -> String) -> Response {
        let status = response.status();
        let text = response.into_body().into_string().await.unwrap_or_default();
        Self::noticed_by_framework(status, &text, allowed).to_response()
    }

    fn noticed_by_framework(
        status: StatusCode,
        text: &str,
        allowed: impl FnOnce() -> String,
    ) -> Self {
        match status {
            StatusCode::NOT_FOUND => {
                Self::new(status, "NOT_FOUND", "There is nothing at this path")
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                let problem =
                    Self::new(status, "METHOD_NOT_ALLOWED", "This path does not have this method");
                problem.with_header(header::ALLOW, allowed())
            }
            StatusCode::BAD_REQUEST => parameter(text),
            status if status.is_client_error() => {
                Self::new(status, "BAD_REQUEST", "The request cannot be understood")
            }
            _ => Self::internal(&format!("{status}: {text}")),
        }
    }
}

/// A query or path parameter that the framework could not parse: it says which between back quotes.
fn parameter(text: &str) -> Problem {
    match text.split('`').collect::<Vec<_>>().as_slice() {
        [_, name, reason, ..] => {
            Problem::field(*name, readable(reason.trim_start_matches([':', ' '])))
        }
        _ => {
            Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "The request cannot be understood")
        }
    }
}

/// The framework's refusals in words: `verification failed. minimum(1, exclusive: false)` is "must be at least 1".
fn readable(reason: &str) -> String {
    let rule = reason.trim_start_matches("verification failed. ");
    let (rule, arguments) = rule.split_once('(').unwrap_or((rule, ""));
    let bound = arguments.split([',', ')']).next().unwrap_or_default();
    match rule {
        "minimum" => format!("must be at least {bound}"),
        "maximum" => format!("must be at most {bound}"),
        "minLength" => format!("must have at least {bound} characters"),
        "maxLength" => format!("must have at most {bound} characters"),
        _ if reason.contains("integer") => "must be a whole number".to_owned(),
        _ if reason.contains("boolean") => "must be true or false".to_owned(),
        _ => "cannot be read".to_owned(),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status, self.0.code)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.0.status
    }

    fn as_response(&self) -> Response {
        self.to_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_the_framework_refuses_is_named_and_explained() {
        let refused = |text| match parameter(text).0.details.as_slice() {
            [detail] => (detail.field.clone(), detail.message.clone()),
            other => panic!("{other:?}"),
        };
        let text =
            "failed to parse parameter `limit`: verification failed. minimum(1, exclusive: false)";
        assert_eq!(refused(text), ("limit".to_owned(), "must be at least 1".to_owned()));
        let text = "failed to parse parameter `q`: verification failed. maxLength(200)";
        assert_eq!(refused(text), ("q".to_owned(), "must have at most 200 characters".to_owned()));
        let text = "failed to parse parameter `limit`: failed to parse \"integer(uint64)\": invalid digit found in string";
        assert_eq!(refused(text), ("limit".to_owned(), "must be a whole number".to_owned()));
    }
}
