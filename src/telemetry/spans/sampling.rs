//! Which traces are exported: a share of them, and whatever else is worth keeping.
//!
//! It is decided when a request begins, and for all of its spans at once, so that those nobody keeps are never made. What
//! cannot be known then is whether it will fail: the span of a failed request that was not kept is made afterwards.
//!
//! A caller that records its own span gets ours, and one that says it does not, gets none. Since anybody can say so, what
//! callers ask for is kept so often in a second and no oftener; beyond that the share decides. Of that, too, only so many are
//! kept in a second, unless it is everything. Whoever signs in or ends a session is kept in any case, up to more than a node
//! can hash passwords. So the cost is bounded, however many requests there are.
//!
//! Whoever names one of OpenTelemetry's samplers gets what that one keeps, and nothing beside it.

use std::sync::OnceLock;

use opentelemetry::TraceId;

use super::trace_parent::TraceParent;
use crate::base::rate_limiter::RateLimiter;
use crate::telemetry::settings::TraceSampling;

/// What decides in this process. Not set where no traces are exported.
static SAMPLER: OnceLock<Sampler> = OnceLock::new();

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

/// What decides whether a trace is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sampler {
    /// Our own.
    Share(Share),
    /// One of the specification's.
    Standard { root: Share, is_parent_based: bool },
}

impl From<TraceSampling> for Sampler {
    fn from(sampling: TraceSampling) -> Self {
        match sampling {
            TraceSampling::Share(ratio) => Self::Share(Share::of(ratio)),
            TraceSampling::Standard { ratio, is_parent_based } => {
                Self::Standard { root: Share::of(ratio), is_parent_based }
            }
        }
    }
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

/// From now on traces are exported as this says.
pub(crate) fn begin(sampling: TraceSampling) {
    // A second telemetry of a process is refused elsewhere.
    let _ = SAMPLER.set(sampling.into());
}

/// Whether the span of a request that has failed is exported although its trace was not kept.
pub fn is_failure_kept() -> bool {
    matches!(SAMPLER.get(), Some(Sampler::Share(_))) && FAILED.permits()
}

/// Whether a trace is exported.
pub fn is_kept(trace: TraceId, parent: Option<&TraceParent>, keeping: Keeping) -> bool {
    SAMPLER.get().is_some_and(|sampler| sampler.keeps(trace, parent, keeping))
}

impl Sampler {
    fn keeps(self, trace: TraceId, parent: Option<&TraceParent>, keeping: Keeping) -> bool {
        let share = match self {
            Self::Share(share) => share,
            Self::Standard { root, is_parent_based } => {
                let decides = parent.filter(|_| is_parent_based);
                return decides.map_or_else(|| root.has(trace), TraceParent::is_sampled);
            }
        };
        if keeping == Keeping::Always && KEPT_ALWAYS.permits() {
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
        let had = |ratio| ids.clone().filter(|id| Share::of(ratio).has(*id)).count();
        assert_eq!((had(0.0), had(1.0)), (0, 1_000));
        assert!((99..=101).contains(&had(0.1)), "{}", had(0.1));
    }

    #[test]
    fn a_standard_sampler_keeps_what_it_says_and_nothing_beside_it() {
        let parent = |flags| TraceParent { trace_id: trace(1), parent_id: SpanId::from(1), flags };
        let (first, last) = (trace(0), trace(u64::MAX));
        // Of the first and the last trace: without a parent, with one that is not sampled, with one that is.
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
                    .map(|parent| sampler.keeps(id, parent.as_ref(), Keeping::Always))
            };
            assert_eq!([keeps(first), keeps(last)], kept, "{ratio} {is_parent_based}");
        }
    }
}
