//! The context of a request's changes: who, from where, and in which trace.

use poem::Request;
use poem::http::header;

use crate::eventlog::Context;
use crate::http::header_of;
use crate::sessions::Device;
use crate::sessions::table::Session;
use crate::telemetry::{client_address, traceparent};

/// The context of what is done in a session.
pub fn acting(session: &Session) -> Context {
    let (user_id, session_id) = (Some(session.user_id), Some(session.id));
    Context { user_id, session_id, ..context() }
}

/// Where a request comes from and in which trace, without saying who sent it.
pub fn context() -> Context {
    let client_address = client_address().map(|address| address.to_string());
    Context { client_address, traceparent: traceparent(), ..Context::default() }
}

/// What a session is begun from: what the client says of itself, cut to a sane length, and its address.
pub fn device(request: &Request) -> Device {
    let user_agent = header_of(request, &header::USER_AGENT);
    let user_agent = user_agent.map(|agent| agent.chars().take(256).collect());
    Device { user_agent, client_address: client_address() }
}
