//! The rules by which a run is judged: rates and latencies of what honest clients did, when all is as before, and whether the
//! goals are met. Nothing here measures anything; `tests/it/benches/hostile_rules.rs` holds it.

/// What an honest client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Its list.
    Read,
    /// A change of its list.
    Write,
    /// A new session.
    SignIn,
}

/// One request of an honest client. Times are seconds since the run began.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// What was asked for.
    pub kind: Kind,
    /// When it was sent.
    pub begun: f64,
    /// When it was answered, or given up.
    pub ended: f64,
    /// Whether it was answered as done.
    pub done: bool,
}

/// How fast one kind of request was answered.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Speed {
    /// Requests done per second.
    pub rate: f64,
    /// Of a hundred requests, 99 were answered or given up within this many milliseconds.
    pub p99: f64,
}

/// What the honest clients came to in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Reads.
    pub reads: Speed,
    /// Writes.
    pub writes: Speed,
    /// Sign-ins that were done.
    pub sign_ins: usize,
    /// Requests that were refused, or never answered.
    pub refused: usize,
}

impl Figures {
    /// The figures of a span. What was under way at either end counts for the latencies: a request that hangs is not
    /// forgotten because its answer came later.
    pub fn of(samples: &[Sample], from: f64, to: f64) -> Self {
        let ended = |sample: &&Sample| (from..to).contains(&sample.ended);
        let speed = |kind: Kind| {
            let of_kind = || samples.iter().filter(move |sample| sample.kind == kind);
            let done = of_kind().filter(ended).filter(|sample| sample.done).count();
            let overlapping = of_kind().filter(|sample| sample.begun < to && sample.ended >= from);
            let latencies = overlapping.map(|sample| (sample.ended - sample.begun) * 1_000.0);
            Speed { rate: count(done) / (to - from), p99: percentile(latencies.collect(), 0.99) }
        };
        let all = || samples.iter().filter(ended);
        Self {
            reads: speed(Kind::Read),
            writes: speed(Kind::Write),
            sign_ins: all().filter(|sample| sample.kind == Kind::SignIn && sample.done).count(),
            refused: all().filter(|sample| !sample.done).count(),
        }
    }
}

/// The value that this share of the values does not exceed; infinite when there are none, because nothing was answered.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place among the values"
)]
pub fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (count(values.len()) * share).ceil() as usize;
    values.get(place.saturating_sub(1)).copied().unwrap_or(f64::INFINITY)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

/// How long a window is in which everything has to be as before.
const WINDOW: f64 = 0.5;
/// The share of the writes before that counts as before: a machine's speed varies.
const AS_BEFORE: f64 = 0.7;

/// Seconds from the end of an attack until a window begins in which nothing was refused and writes are as fast as before;
/// nothing when there was none until `now`.
pub fn normal_after(
    mut samples: Vec<Sample>,
    before: &Figures,
    since: f64,
    now: f64,
) -> Option<f64> {
    samples.sort_by(|one, other| one.ended.total_cmp(&other.ended));
    let mut begin = since;
    while begin + WINDOW <= now {
        let end = begin + WINDOW;
        let earlier = samples.partition_point(|sample| sample.ended < begin);
        let later = || samples.iter().skip(earlier);
        // What hangs in a window and is refused later was not as before either.
        let refused = later().any(|sample| !sample.done && sample.begun < end);
        let in_window = later().take_while(|sample| sample.ended < end);
        let writes = in_window.filter(|sample| sample.kind == Kind::Write && sample.done).count();
        if !refused && count(writes) / WINDOW >= AS_BEFORE * before.writes.rate {
            return Some(begin - since);
        }
        begin += WINDOW / 5.0;
    }
    None
}

/// What is known of an attack when it is over.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The honest clients beside it.
    pub during: Figures,
    /// The honest clients beside harmless work that takes as much of the processor.
    pub harmless: Figures,
    /// The most memory that the server had, in megabytes.
    pub peak: f64,
    /// Seconds until all was as before.
    pub normal: Option<f64>,
    /// Answers that were wrong, and acknowledged changes that were lost.
    pub wrong: usize,
    /// Whether the server ended.
    pub ended: bool,
    /// Whether nobody could be served meanwhile, whatever the server did.
    pub stops_service: bool,
}

/// The most memory in megabytes.
pub const MOST_MEMORY: f64 = 450.0;
/// The smallest share of the writes beside harmless work.
pub const LEAST_WRITES: f64 = 0.7;
/// The largest multiple of the latency beside harmless work.
pub const MOST_LATENCY: f64 = 3.0;
/// The most seconds until all is as before.
pub const MOST_RECOVERY: f64 = 5.0;

impl Measured {
    /// The writes beside the attack in multiples of those beside harmless work.
    pub fn writes(&self) -> f64 {
        self.during.writes.rate / self.harmless.writes.rate
    }

    /// The larger of the two latencies beside the attack, reads' and writes', each in multiples of the one beside harmless
    /// work.
    pub fn latency(&self) -> f64 {
        let ratio = |of: fn(&Figures) -> f64| of(&self.during) / of(&self.harmless);
        ratio(|figures| figures.writes.p99).max(ratio(|figures| figures.reads.p99))
    }

    /// The goals that are not met, by name.
    pub fn missed(&self) -> Vec<&'static str> {
        let goals = [
            ("writes", self.stops_service || self.writes() >= LEAST_WRITES),
            ("p99", self.stops_service || self.latency() <= MOST_LATENCY),
            ("memory", self.peak <= MOST_MEMORY),
            ("recovery", self.normal.is_some_and(|after| after <= MOST_RECOVERY)),
            ("nothing lost", self.wrong == 0),
            ("alive", !self.ended),
        ];
        goals.into_iter().filter(|(_, met)| !met).map(|(name, _)| name).collect()
    }
}
