//! Which traces are exported: a share of them, and whatever else is worth keeping.
//!
//! It is decided when a request begins, and for all of its spans at once, so that those nobody keeps are never made. What
//! cannot be known then is whether it will fail: the span of a failed request that was not kept is made afterwards.
//!
//! A caller that records its own span gets ours; one that says it does not, gets none. Whoever signs in or ends a session is
//! kept in any case.

use std::sync::OnceLock;

use opentelemetry::TraceId;

use super::trace_id::TraceParent;

/// The share of traces that this process exports. Not set where nothing is exported.
static SHARE: OnceLock<Share> = OnceLock::new();

/// A share of all traces. The same traces are in it on every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// Trace ids below this are in it, as far as their last 63 bits go, like with OpenTelemetry's `TraceIdRatioBased`.
    below: u64,
}

impl Share {
    /// The share of this ratio, from 0 to 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share need not be exact"
    )]
    pub(super) fn of(ratio: f64) -> Self {
        Self { below: (ratio.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64 }
    }

    fn has(self, trace: TraceId) -> bool {
        let id = u128::from_be_bytes(trace.to_bytes());
        let last = u64::try_from(id & u128::from(u64::MAX)).unwrap_or_default();
        last >> 1 < self.below
    }

    fn keeps(self, trace: TraceId, parent: Option<&TraceParent>) -> bool {
        match parent {
            Some(parent) => parent.is_sampled(),
            None => self.has(trace),
        }
    }
}

/// From now on this share of the traces is exported.
pub(super) fn begin(ratio: f64) {
    // A second telemetry of a process is refused elsewhere.
    let _ = SHARE.set(Share::of(ratio));
}

/// Whether any trace is exported.
pub fn is_any_kept() -> bool {
    SHARE.get().is_some()
}

/// Whether a trace is exported, in any case if it is `precious`.
pub fn is_kept(trace: TraceId, parent: Option<&TraceParent>, precious: bool) -> bool {
    SHARE.get().is_some_and(|share| precious || share.keeps(trace, parent))
}

#[cfg(test)]
mod tests {
    use super::super::trace_id::parse_traceparent;
    use super::*;

    fn trace(last: u64) -> TraceId {
        TraceId::from_bytes(u128::from(last).to_be_bytes())
    }

    #[test]
    fn a_share_has_as_many_traces_as_its_ratio_says() {
        let ids = (0..1_000_u64).map(|n| trace(n * (u64::MAX / 1_000)));
        let had = |ratio| ids.clone().filter(|id| Share::of(ratio).has(*id)).count();
        assert_eq!((had(0.0), had(1.0)), (0, 1_000));
        assert!((99..=101).contains(&had(0.1)), "{}", had(0.1));
    }

    #[test]
    fn a_caller_decides_for_its_own_trace() {
        let parent = |flags: &str| {
            parse_traceparent(&format!("00-{}-00f067aa0ba902b7-{flags}", "1".repeat(32)))
        };
        let (all, none) = (Share::of(1.0), Share::of(0.0));
        assert!(none.keeps(trace(7), parent("01").as_ref()));
        assert!(!all.keeps(trace(7), parent("00").as_ref()));
        assert!(all.keeps(trace(7), None) && !none.keeps(trace(7), None));
    }
}
