//! Which traces are exported: a share of them, and whatever else is worth keeping.
//!
//! It is decided when a request begins, and for all of its spans at once, so that those nobody keeps are never made. What
//! cannot be known then is whether it will fail: the span of a failed request that was not kept is made afterwards.
//!
//! A caller that records its own span gets ours, and one that says it does not, gets none. Since anybody can say so, what
//! callers ask for is kept so often in a second and no oftener; beyond that the share decides. Of that, too, only so many are
//! kept in a second, unless it is everything. Whoever signs in or ends a session is kept in any case, up to more than a node
//! can hash passwords. So the cost is bounded, however many requests there are.

use std::sync::OnceLock;

use opentelemetry::TraceId;

use super::rate_limiter::RateLimiter;
use super::trace_id::TraceParent;

/// The share of traces that this process exports. Not set where nothing is exported.
static SHARE: OnceLock<Share> = OnceLock::new();

/// Most traces in a second that are kept because a caller says so, and as many because they fail.
const PER_CAUSE: u32 = 100;
/// Most traces in a second that are kept because they are in the share, if that is not all of them.
const SHARED: u32 = 500;
/// The same of those that are precious: more than anybody can sign in, since that costs a hash.
const PRECIOUS: u32 = 1_000;
static KEPT_ALWAYS: RateLimiter = RateLimiter::per_second(PRECIOUS);
static IN_SHARE: RateLimiter = RateLimiter::per_second(SHARED);
static ASKED_FOR: RateLimiter = RateLimiter::per_second(PER_CAUSE);
static FAILED: RateLimiter = RateLimiter::per_second(PER_CAUSE);

/// How much a trace is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// Kept if it is in the share.
    Share,
    /// Kept in any case, as long as that is not a flood.
    Always,
}

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

    /// Whether it is all of them.
    fn is_all(self) -> bool {
        self.below >= 1 << 63
    }
}

/// From now on this share of the traces is exported.
pub(super) fn begin(ratio: f64) {
    // A second telemetry of a process is refused elsewhere.
    let _ = SHARE.set(Share::of(ratio));
}

/// Whether the span of a request that has failed is exported although its trace was not kept.
pub fn is_failure_kept() -> bool {
    SHARE.get().is_some() && FAILED.permits()
}

/// Whether a trace is exported.
pub fn is_kept(trace: TraceId, parent: Option<&TraceParent>, keeping: Keeping) -> bool {
    let Some(share) = SHARE.get() else { return false };
    if keeping == Keeping::Always && KEPT_ALWAYS.permits() {
        return true;
    }
    match parent {
        Some(parent) if !parent.is_sampled() => false,
        Some(_) if ASKED_FOR.permits() => true,
        Some(_) | None => share.has(trace) && (share.is_all() || IN_SHARE.permits()),
    }
}

#[cfg(test)]
mod tests {
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
}
