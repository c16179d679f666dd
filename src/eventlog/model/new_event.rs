//! A new event, encoded, and its cause.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::{Event, EventView};
use super::stream::StreamName;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::telemetry::traceparent;

/// Cause of an event: user, session, origin and trace. Stored with it; holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Context {
    /// The signed-in user who asked; `None` if none was signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Session in which the user asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Network address from which the user asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_address: Option<String>,
    /// The trace and the span in which it happened (W3C Trace Context, section 3.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Cause other than a request, `keys rotate` for instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation: Option<String>,
}

impl Context {
    /// The context of an action of the program itself or of an operator.
    pub fn caused_by(causation: &str) -> Self {
        let traceparent = traceparent();
        Self { causation: Some(causation.to_owned()), traceparent, ..Self::default() }
    }
}

/// An encoded event that waits for its position.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Unique identifier, made at the time of record.
    pub event_id: Uuid,
    /// Stored name of its kind, by which it is decoded.
    pub name: &'static str,
    /// Number of its stored shape, so that a later version can upcast it.
    pub schema: i16,
    /// Its data as JSON, encoded before the append waits.
    pub data: String,
    /// Its context as JSON, shared by the events of a command.
    pub context: Arc<[u8]>,
    /// Time of record, from the clock of the log.
    pub recorded_at: Timestamp,
}

impl NewEvent {
    /// Encodes an event and gives it an identifier.
    ///
    /// # Errors
    ///
    /// If the event's data has no JSON form.
    pub fn encode<E: Event>(
        event: &E,
        context: Arc<[u8]>,
        recorded_at: Timestamp,
    ) -> serde_json::Result<Self> {
        let kind = event.kind();
        Ok(Self {
            event_id: crate::base::id::Id::<()>::at(recorded_at).uuid(),
            name: kind.name,
            schema: kind.schema,
            data: event.encode()?,
            context,
            recorded_at,
        })
    }

    /// The view that a projection has of it.
    pub(crate) fn view<'a>(&'a self, stream: &'a StreamName) -> EventView<'a> {
        EventView {
            stream: stream.as_str(),
            name: self.name,
            schema: self.schema,
            data: &self.data,
            recorded_at: self.recorded_at,
        }
    }
}
