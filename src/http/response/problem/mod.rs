//! The one error body. Clients rely on `code` ([`codes`] has all), users read `message`. Sources of errors are logged here,
//! never shown. [`problems`](crate::problems) makes them of features' errors.

pub mod codes;
pub mod field_problem;

use std::borrow::Cow;
use std::fmt;

use poem::Response;
use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem_openapi::Object;
use serde::Serialize;

use self::codes::Code;
use self::field_problem::{FieldProblem, Flaw};
use super::json_body;
use super::raw_json::RawJson;
use crate::telemetry::current_trace_id;
use crate::telemetry::reason::Reason;

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
    /// The fields that are not as they should be, when the input is invalid or taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<FieldProblem>>,
    /// What the request wanted to change, as it is now and in the shape in which it is read, when its version has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<RawJson>,
}

/// A failure of a request, as it is answered. Boxed: most results carry none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<ProblemContent>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct ProblemContent {
    /// Status of the answer, as a rule that of the code.
    status: StatusCode,
    /// Stable name for clients.
    code: Code,
    /// Reason for audit events and metrics, as a rule that of the code.
    reason: Reason,
    /// Message for users, in English.
    message: Cow<'static, str>,
    /// Fields that are not as they should be.
    details: Vec<FieldProblem>,
    /// Present state of the resource, after a failed `If-Match`.
    current: Option<RawJson>,
    /// Headers of the answer, such as `Retry-After`.
    headers: Vec<(HeaderName, String)>,
}

/// Media type of pages, which show failures in their own way.
pub const PAGE: &str = "text/html; charset=utf-8";

/// Seconds after which a refused stream is worth repeating: streams last long.
const RETRY_STREAM_AFTER: u32 = 10;
/// Seconds after which a refused request is worth repeating.
const RETRY_AFTER: u32 = 1;

impl Problem {
    /// Makes a problem with this code and message.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(ProblemContent {
            status: code.status,
            code,
            reason: code.reason,
            message: message.into(),
            details: Vec::new(),
            current: None,
            headers: Vec::new(),
        }))
    }

    /// `400`: one field of the input is invalid.
    pub fn field(field: impl Into<String>, flaw: Flaw, message: impl fmt::Display) -> Self {
        Self::fields(vec![FieldProblem::new(field, flaw, message)])
    }

    /// `400`: the value of one field was refused.
    pub fn invalid<E: Copy + fmt::Display>(field: impl Into<String>, error: E) -> Self
    where
        Flaw: From<E>,
    {
        Self::fields(vec![FieldProblem::of(field, error)])
    }

    /// `400`: fields of the input are invalid.
    pub fn fields(mut details: Vec<FieldProblem>) -> Self {
        details.truncate(field_problem::MOST_DETAILS);
        let message = field_problem::told(&details);
        let mut problem = Self::new(codes::INVALID_INPUT, message);
        problem.0.details = details;
        problem
    }

    /// Adds the fields that the problem is about.
    #[must_use]
    pub fn about(mut self, details: Vec<FieldProblem>) -> Self {
        self.0.details = details;
        self
    }

    /// `401`: no token was sent (RFC 6750, section 3.1: no error code in the challenge then).
    pub fn unauthenticated() -> Self {
        Self::challenge(
            codes::UNAUTHORIZED,
            "Sign in first: this needs an access token or a session",
        )
    }

    /// `401`: the address or the password is wrong; the answer does not tell which.
    pub fn wrong_credentials() -> Self {
        Self::challenge(codes::INVALID_EMAIL_OR_PASSWORD, "Invalid email or password")
    }

    fn challenge(code: Code, message: &'static str) -> Self {
        Self::new(code, message)
            .with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"keyfold\"".to_owned())
    }

    /// `401`: the token is not accepted; `WWW-Authenticate` has the reason (RFC 6750, section 3).
    pub fn invalid_token(code: Code, reason: impl fmt::Display) -> Self {
        let challenge = format!(
            "Bearer realm=\"keyfold\", error=\"invalid_token\", error_description=\"{reason}\""
        );
        let mut message = reason.to_string();
        if let Some(first) = message.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self::new(code, message).with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// `403`: signed in, but not allowed.
    pub fn forbidden(code: Code, message: &'static str) -> Self {
        Self::new(code, message)
    }

    /// `400`: the framework refuses a request that no rule of this program names.
    pub fn not_understood() -> Self {
        Self::new(codes::BAD_REQUEST, "The request cannot be understood")
    }

    /// `404`: the path has no operation and no page.
    pub fn nothing_here() -> Self {
        Self::new(codes::NOT_FOUND, "There is nothing at this path")
    }

    /// `412`: the resource is not as `If-Match` demands (RFC 9110, section 15.5.13); the answer has its present state.
    pub fn precondition_failed(current: Option<RawJson>, etag: Option<String>) -> Self {
        let mut problem = Self::new(
            codes::VERSION_MISMATCH,
            "This has changed since you read it; nothing was changed",
        );
        problem.0.current = current;
        match etag {
            Some(etag) => problem.with_header(header::ETAG, etag),
            None => problem,
        }
    }

    /// `422`: the key belongs to another request (draft-ietf-httpapi-idempotency-key-header, section 2.7).
    pub fn key_reused() -> Self {
        Self::new(
            codes::IDEMPOTENCY_KEY_REUSED,
            "Another request was sent with this Idempotency-Key; nothing was changed",
        )
    }

    /// `409`: the request with this key is at work (section 2.7 too).
    pub fn key_in_use() -> Self {
        let message = "The request with this Idempotency-Key is still at work, ask again shortly";
        Self::new(codes::IDEMPOTENCY_KEY_IN_USE, message).retry_after(RETRY_AFTER)
    }

    /// `503`: a bounded queue or budget is full. Nothing was done.
    pub fn overloaded() -> Self {
        Self::retry_later(
            codes::OVERLOADED,
            "The server is overloaded; nothing was changed, try again shortly",
        )
    }

    /// Returns true if the problem is a refusal for overload.
    pub(crate) fn is_overload(&self) -> bool {
        self.is(codes::OVERLOADED)
    }

    /// `503`: the limit of open streams is reached: of a list, of a client, or of the node.
    pub fn too_many_streams() -> Self {
        let message = "Too many streams are open already: close one, or try again later";
        Self::new(codes::TOO_MANY_STREAMS, message).retry_after(RETRY_STREAM_AFTER)
    }

    /// `503`: the database is away.
    pub fn unavailable() -> Self {
        Self::retry_later(
            codes::UNAVAILABLE,
            "The server cannot answer for the moment, try again shortly",
        )
    }

    /// `503`: the change may or may not have been made.
    pub fn outcome_unknown() -> Self {
        Self::retry_later(
            codes::OUTCOME_UNKNOWN,
            "The change may or may not have been made; check before trying again",
        )
    }

    /// `500`, after the error has been logged.
    pub fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "request failed");
        Self::unexpected()
    }

    /// `500` without an error to log.
    pub fn unexpected() -> Self {
        Self::new(codes::INTERNAL_ERROR, "Something went wrong on our side")
    }

    /// `503`: a repeated request may succeed in a moment.
    pub(crate) fn retry_later(code: Code, message: &'static str) -> Self {
        Self::new(code, message).retry_after(RETRY_AFTER)
    }

    /// Adds the seconds after which the request is worth repeating.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.with_header(header::RETRY_AFTER, seconds.to_string())
    }

    /// Adds a header to the answer.
    pub(crate) fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Returns true for a `401`.
    pub fn is_unauthorized(&self) -> bool {
        self.0.status == StatusCode::UNAUTHORIZED
    }

    /// Status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Stable name, as clients see it.
    pub fn code(&self) -> &'static str {
        self.0.code.name
    }

    /// Returns true if the problem has this code.
    pub fn is(&self, code: Code) -> bool {
        self.0.code == code
    }

    /// Reason for audit events and metrics.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// Replaces the reason, which is that of the code otherwise.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.0.reason = reason;
        self
    }

    /// Message for users, in English.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Fields that are not as they should be.
    pub fn details(&self) -> &[FieldProblem] {
        &self.0.details
    }

    /// Returns a header of the answer.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut headers = self.0.headers.iter();
        headers.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn body(&self) -> ErrorBody {
        ErrorBody {
            code: self.0.code.name.to_owned(),
            message: self.0.message.to_string(),
            trace_id: current_trace_id().to_string(),
            details: (!self.0.details.is_empty()).then(|| self.0.details.clone()),
            current: self.0.current.clone(),
        }
    }

    /// Replaces the status, which is that of the code otherwise.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Builds the answer with the one error body.
    pub fn to_response(&self) -> Response {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = json_body::respond(body.into());
        response.set_status(self.0.status);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &self.0.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status, self.0.code.name)
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
    use serde_json::{Value, json};

    use super::*;

    /// Returns status, headers in question and body, without the trace id, which differs every time.
    async fn answer(problem: Problem) -> (u16, Value, Value) {
        let response = problem.to_response();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let header = |name| headers.get(name).map(|value| value.to_str().unwrap());
        let headers = json!({"etag": header("etag"), "retryAfter": header("retry-after")});
        let body = response.into_body().into_string().await.unwrap();
        let mut body: Value = serde_json::from_str(&body).unwrap();
        assert!(body.as_object_mut().unwrap().remove("traceId").unwrap().is_string());
        (status, headers, body)
    }

    #[tokio::test]
    async fn a_failed_precondition_shows_what_is_there_now() {
        let current = RawJson::of(&json!({"title": "Milk"})).unwrap();
        let shown = answer(Problem::precondition_failed(Some(current), Some("\"3\"".to_owned())));
        let (code, message) =
            ("VERSION_MISMATCH", "This has changed since you read it; nothing was changed");
        let body = json!({"code": code, "message": message, "current": {"title": "Milk"}});
        assert_eq!(shown.await, (412, json!({"etag": "\"3\"", "retryAfter": null}), body));
        let gone = answer(Problem::precondition_failed(None, None));
        let body = json!({"code": code, "message": message});
        assert_eq!(gone.await, (412, json!({"etag": null, "retryAfter": null}), body));
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_used_says_whether_waiting_helps() {
        let reused = json!({
            "code": "IDEMPOTENCY_KEY_REUSED",
            "message": "Another request was sent with this Idempotency-Key; nothing was changed",
        });
        let never = json!({"etag": null, "retryAfter": null});
        assert_eq!(answer(Problem::key_reused()).await, (422, never, reused));
        let in_use = json!({
            "code": "IDEMPOTENCY_KEY_IN_USE",
            "message": "The request with this Idempotency-Key is still at work, ask again shortly",
        });
        let soon = json!({"etag": null, "retryAfter": "1"});
        assert_eq!(answer(Problem::key_in_use()).await, (409, soon, in_use));
    }

    #[tokio::test]
    async fn a_problem_carries_every_header_it_was_given() {
        let problem = Problem::precondition_failed(None, Some("\"3\"".to_owned())).retry_after(7);
        assert_eq!(answer(problem).await.1, json!({"etag": "\"3\"", "retryAfter": "7"}));
    }
}
