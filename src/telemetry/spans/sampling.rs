//! Sampling: a share of all traces is exported, and others that are worth keeping.
//!
//! The decision is made at the beginning of a request, for all of its spans, so that spans of unsampled traces are never
//! created. Failures are not known then: the span of a failed request that was not sampled is created afterwards.
//!
//! A caller that records its own span gets ours, and one that says it does not, gets none. Since any client can claim this,
//! traces kept at a caller's request have a rate limit, beyond which the share decides. A rate limit applies to the share
//! too, unless it is everything. Sign-ins and ends of sessions are always kept, up to a limit above the number of passwords
//! that a node can hash. So the cost is bounded, however many requests there are.
//!
//! With one of OpenTelemetry's samplers, exactly its traces are exported.

use std::sync::OnceLock;

use opentelemetry::TraceId;

use super::trace_parent::TraceParent;
use crate::base::rate_limiter::RateLimiter;
use crate::telemetry::settings::TraceSampling;

/// Sampler of this process. Not set if traces are not exported.
static SAMPLER: OnceLock<Sampler> = OnceLock::new();

/// Most traces per second that are kept because a caller asks for it, and as many because they fail.
const PER_CAUSE: u32 = 100;
/// Most traces per second that are kept because they are in the share, if that is not all of them.
const SHARED: u32 = 500;
/// Most traces per second with [`TracePriority::Always`]: above the number of sign-ins that are possible, since each costs a hash.
const PRECIOUS: u32 = 1_000;
static KEPT_ALWAYS: RateLimiter = RateLimiter::per_second(PRECIOUS);
static IN_SHARE: RateLimiter = RateLimiter::per_second(SHARED);
static ASKED_FOR: RateLimiter = RateLimiter::per_second(PER_CAUSE);
static FAILED: RateLimiter = RateLimiter::per_second(PER_CAUSE);

/// Priority of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TracePriority {
    /// Kept if it is in the share, or if the caller asks for it.
    Share,
    /// Always kept, up to a rate limit.
    Always,
}

/// Rule that decides on a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sampler {
    /// Keyfold's own rule, with rate limits.
    Share(TraceShare),
    /// Sampler of OpenTelemetry's specification.
    Standard { root: TraceShare, is_parent_based: bool },
}

impl From<TraceSampling> for Sampler {
    fn from(sampling: TraceSampling) -> Self {
        match sampling {
            TraceSampling::Share(ratio) => Self::Share(TraceShare::of(ratio)),
            TraceSampling::Standard { ratio, is_parent_based } => {
                Self::Standard { root: TraceShare::of(ratio), is_parent_based }
            }
        }
    }
}

/// Share of all traces. Every node selects the same traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceShare {
    /// Bound on the last 63 bits of a trace id: ids below it are selected, as by OpenTelemetry's `TraceIdRatioBased`.
    below: u64,
}

impl TraceShare {
    /// Creates a share of this ratio, from 0 to 1.
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

    /// Returns true if every trace is selected.
    fn is_all(self) -> bool {
        self.below >= 1 << 63
    }
}

/// Sets the sampler of this process.
pub(crate) fn begin(sampling: TraceSampling) {
    // A second start of telemetry is refused elsewhere.
    let _ = SAMPLER.set(sampling.into());
}

/// Returns true if the span of a failed request is exported although its trace was not sampled.
pub fn is_failure_kept() -> bool {
    matches!(SAMPLER.get(), Some(Sampler::Share(_))) && FAILED.permits()
}

/// Decides if a trace is exported; counts against the rate limits.
pub fn is_kept(trace: TraceId, parent: Option<&TraceParent>, keeping: TracePriority) -> bool {
    SAMPLER.get().is_some_and(|sampler| sampler.keeps(trace, parent, keeping))
}

impl Sampler {
    fn keeps(self, trace: TraceId, parent: Option<&TraceParent>, keeping: TracePriority) -> bool {
        let share = match self {
            Self::Share(share) => share,
            Self::Standard { root, is_parent_based } => {
                let decides = parent.filter(|_| is_parent_based);
                return decides.map_or_else(|| root.has(trace), TraceParent::is_sampled);
            }
        };
        if keeping == TracePriority::Always && KEPT_ALWAYS.permits() {
            return true;
        }
        match parent {
            Some(parent) if !parent.is_sampled() => false,
            Some(_) if ASKED_FOR.permits() => true,
            Some(_) | None => share.has(trace) && (share.is_all() || IN_SHARE.permits()),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::SpanId;

    use super::*;

    fn trace(last: u64) -> TraceId {
        TraceId::from_bytes(u128::from(last).to_be_bytes())
    }

    #[test]
    fn a_share_has_as_many_traces_as_its_ratio_says() {
        let ids = (0..1_000_u64).map(|n| trace(n * (u64::MAX / 1_000)));
        let had = |ratio| ids.clone().filter(|id| TraceShare::of(ratio).has(*id)).count();
        assert_eq!((had(0.0), had(1.0)), (0, 1_000));
        assert!((99..=101).contains(&had(0.1)), "{}", had(0.1));
    }

    #[test]
    fn a_standard_sampler_keeps_what_it_says_and_nothing_beside_it() {
        let parent = |flags| TraceParent { trace_id: trace(1), parent_id: SpanId::from(1), flags };
        let (first, last) = (trace(0), trace(u64::MAX));
        // Expected results for the first and the last trace: without a parent, with one that is not sampled, with one that
        // is.
        for (ratio, is_parent_based, kept) in [
            (1.0, false, [[true; 3]; 2]),
            (0.0, false, [[false; 3]; 2]),
            (0.5, false, [[true; 3], [false; 3]]),
            (1.0, true, [[true, false, true]; 2]),
            (0.0, true, [[false, false, true]; 2]),
            (0.5, true, [[true, false, true], [false, false, true]]),
        ] {
            let sampler = Sampler::from(TraceSampling::Standard { ratio, is_parent_based });
            let keeps = |id| {
                [None, Some(parent(0)), Some(parent(1))]
                    .map(|parent| sampler.keeps(id, parent.as_ref(), TracePriority::Always))
            };
            assert_eq!([keeps(first), keeps(last)], kept, "{ratio} {is_parent_based}");
        }
    }
}
