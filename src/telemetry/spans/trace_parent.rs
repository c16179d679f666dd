//! Span of a caller, as the `traceparent` header names it (W3C Trace Context, section 3.2).
//!
//! Invariant: a [`TraceParent`] has ids that are valid in OpenTelemetry, whatever the header said.

use std::fmt;

use opentelemetry::trace::{SpanContext, TraceState};
use opentelemetry::{SpanId, TraceFlags, TraceId};

/// Span of a caller in another process, as the `traceparent` header names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// Id of the trace that the caller's span belongs to.
    pub trace_id: TraceId,
    /// Id of the caller's span.
    pub parent_id: SpanId,
    /// Flags; the lowest bit is set if the caller records its span.
    pub flags: u8,
}

impl TraceParent {
    /// Returns true if the caller records its span.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// Converts to OpenTelemetry's type.
    pub(super) fn context(&self) -> SpanContext {
        let flags = TraceFlags::new(self.flags);
        SpanContext::new(self.trace_id, self.parent_id, flags, true, TraceState::default())
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

/// Parses a `traceparent` header of version 00, exactly as W3C Trace Context section 3.2 defines it.
///
/// Returns `None` for any other version, length or letter case, and for ids of zeros only.
pub(crate) fn parse_traceparent(header: &str) -> Option<TraceParent> {
    let mut parts = header.split('-');
    let (version, trace_id) = (parts.next()?, hex(parts.next()?, 32)?);
    let (parent_id, flags) = (hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
    if version != "00" || parts.next().is_some() {
        return None;
    }
    let parent = TraceParent {
        trace_id: TraceId::from_hex(trace_id).ok()?,
        parent_id: SpanId::from_hex(parent_id).ok()?,
        flags: u8::from_str_radix(flags, 16).ok()?,
    };
    let is_valid = parent.trace_id != TraceId::INVALID && parent.parent_id != SpanId::INVALID;
    is_valid.then_some(parent)
}

/// Returns the text if it is exactly `digits` lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<&str> {
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_hex)).then_some(text)
}
