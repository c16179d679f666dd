//! Events: facts of the past, and the form in which they are stored.
//!
//! A feature's event enum names each of its kinds once, with [`event_kinds!`](crate::event_kinds): a past-tense
//! constant that is independent of Rust names, and the schema number of its shape.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::base::clock::Timestamp;

/// The stored name and shape of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKind {
    /// Past-tense constant, for instance `TaskCreated`.
    pub name: &'static str,
    /// Number of the shape of its data.
    pub schema: i16,
}

/// An event of one feature.
pub trait Event: Clone + fmt::Debug + Send + Sync + Sized + 'static {
    /// Its stored name and shape.
    fn kind(&self) -> EventKind;

    /// Its data as JSON.
    ///
    /// # Errors
    ///
    /// If the data has no JSON form, which is a mistake in the event type.
    fn encode(&self) -> Result<String, serde_json::Error>;

    /// Reads stored data, upcasting older shapes.
    ///
    /// # Errors
    ///
    /// If the name and shape are unknown or the data does not have that shape.
    fn decode(name: &str, schema: i16, data: &str) -> Result<Self, DecodeError>;
}

/// A stored event this version of the program cannot read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DecodeError {
    /// Written by another version of the program, or by another program.
    #[error("unknown event {name} with schema {schema}")]
    UnknownKind {
        /// Name of its kind, as it was stored.
        name: String,
        /// Number of its shape, as it was stored.
        schema: i16,
    },
    /// The data does not have the shape its schema number says.
    #[error("event {name} with schema {schema} does not have its shape: {reason}")]
    Malformed {
        /// Name of its kind, as it was stored.
        name: String,
        /// Number of its shape, as it was stored.
        schema: i16,
        /// Mismatch that the parser met, for the message.
        reason: String,
    },
}

/// Implements [`Event`] for an enum whose variants hold one data struct each.
#[macro_export]
macro_rules! event_kinds {
    ($event:ident { $($name:literal @ $schema:literal => $variant:ident),+ $(,)? }) => {
        impl $crate::eventlog::model::event::Event for $event {
            fn kind(&self) -> $crate::eventlog::model::event::EventKind {
                match self {
                    $(Self::$variant(_) => $crate::eventlog::model::event::EventKind { name: $name, schema: $schema },)+
                }
            }

            fn encode(&self) -> Result<String, serde_json::Error> {
                match self {
                    $(Self::$variant(data) => serde_json::to_string(data),)+
                }
            }

            fn decode(name: &str, schema: i16, data: &str) -> Result<Self, $crate::eventlog::model::event::DecodeError> {
                match (name, schema) {
                    $(($name, $schema) => serde_json::from_str(data).map(Self::$variant).map_err(|error| {
                        $crate::eventlog::model::event::DecodeError::Malformed {
                            name: name.to_owned(),
                            schema,
                            reason: error.to_string(),
                        }
                    }),)+
                    _ => Err($crate::eventlog::model::event::DecodeError::UnknownKind { name: name.to_owned(), schema }),
                }
            }
        }
    };
}

/// View that a projection has of an event: equal while it is appended and when the log is replayed.
#[derive(Debug, Clone, Copy)]
pub struct EventView<'a> {
    /// Stored name of its stream.
    pub stream: &'a str,
    /// Name of its kind, as it is stored.
    pub name: &'a str,
    /// Number of its stored shape.
    pub schema: i16,
    /// Its data as JSON.
    pub data: &'a str,
    /// Time at which it was recorded.
    pub recorded_at: Timestamp,
}

/// An event of the log as it is read in passing, with the parts that a projection or an observer needs.
#[derive(Debug, Clone, Copy)]
pub struct PassingEvent<'a> {
    /// Place in the whole log.
    pub position: i64,
    /// Stored name of its stream.
    pub stream: &'a str,
    /// Place in its stream, from 1.
    pub version: i64,
    /// Name of its kind, as it is stored.
    pub name: &'a str,
    /// Number of its stored shape.
    pub schema: i16,
    /// Its data as JSON; `null` if no observer reads its category.
    pub data: &'a str,
    /// Time at which it was recorded.
    pub recorded_at: Timestamp,
}

impl PassingEvent<'_> {
    /// The view that a projection has of it.
    pub fn view(&self) -> EventView<'_> {
        EventView {
            stream: self.stream,
            name: self.name,
            schema: self.schema,
            data: self.data,
            recorded_at: self.recorded_at,
        }
    }
}

/// An event as it stands in the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedEvent {
    /// Place in the whole log.
    pub position: i64,
    /// Stored name of its stream.
    pub stream: String,
    /// Place in its stream.
    pub version: i64,
    /// Identifier that is unique in the log.
    pub event_id: Uuid,
    /// Name of its kind, as it is stored.
    #[serde(rename = "type")]
    pub name: String,
    /// Number of its stored shape.
    pub schema: i16,
    /// Its data as JSON, as they are stored.
    pub data: Box<RawValue>,
    /// Cause of the event as JSON: user, session, origin and trace.
    pub context: Box<RawValue>,
    /// Time at which it was recorded.
    pub recorded_at: Timestamp,
}

impl RecordedEvent {
    /// The view that a projection has of it.
    pub fn view(&self) -> EventView<'_> {
        EventView {
            stream: &self.stream,
            name: &self.name,
            schema: self.schema,
            data: self.data.get(),
            recorded_at: self.recorded_at,
        }
    }
}
