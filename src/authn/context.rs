//! The context of a request's changes: user and session, network address, and trace.

use poem::Request;
use poem::http::header;

use crate::eventlog::Context;
use crate::http::header_of;
use crate::sessions::Device;
use crate::sessions::table::Session;
use crate::telemetry::{client_address, traceparent};

/// Context of changes that are made in a session.
pub fn acting(session: &Session) -> Context {
    let (user_id, session_id) = (Some(session.user_id), Some(session.id));
    Context { user_id, session_id, ..context() }
}

/// Context of a request without a user: its network address and its trace.
pub fn context() -> Context {
    let client_address = client_address().map(|address| address.to_string());
    Context { client_address, traceparent: traceparent(), ..Context::default() }
}

/// Device on which a session is begun: User-Agent, cut to 256 characters, and network address.
pub fn device(request: &Request) -> Device {
    let user_agent = header_of(request, &header::USER_AGENT);
    let user_agent = user_agent.map(|agent| agent.chars().take(256).collect());
    Device { user_agent, client_address: client_address() }
}
