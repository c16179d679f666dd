//! Rules by which a run is judged: rates and latencies of the honest clients, the time of recovery, and the goals. Pure
//! functions without measurements, tested by `tests/it/benches/hostile_rules.rs`.

/// Kind of request of an honest client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Read of its list.
    Read,
    /// Change of its list.
    Write,
    /// Sign-in, which makes a new session.
    SignIn,
}

/// One request of an honest client. Times are seconds since the start of the run.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Kind of the request.
    pub kind: Kind,
    /// Time of sending.
    pub begun: f64,
    /// Time of the response or of the timeout.
    pub ended: f64,
    /// True if the request succeeded.
    pub done: bool,
}

/// Throughput and latency of one kind of request.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Speed {
    /// Successful requests per second.
    pub rate: f64,
    /// 99th percentile of the latency in milliseconds, timeouts included.
    pub p99: f64,
}

/// Figures of the honest clients in an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Throughput and latency of reads.
    pub reads: Speed,
    /// Throughput and latency of writes.
    pub writes: Speed,
    /// Number of successful sign-ins.
    pub sign_ins: usize,
    /// Number of requests that were refused or never answered.
    pub refused: usize,
}

impl Figures {
    /// Computes the figures of an interval. Requests in flight at either end count for the latencies: a hanging request is
    /// not lost because its response came later.
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

/// Percentile of the values; infinite without values, because then no request was answered.
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

/// Seconds of normal service that count as recovery.
const WINDOW: f64 = 0.5;
/// Share of the earlier write rate that counts as normal: the speed of machines varies.
const AS_BEFORE: f64 = 0.7;

/// Seconds from the end of an attack to the start of a window without refusals and with writes as fast as before; `None` if
/// there was no such window until `now`.
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
        // A request that hangs in the window and is refused later is not normal either.
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

/// Measurements of an attack.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Honest clients during the attack.
    pub during: Figures,
    /// Honest clients beside harmless work with the processor time of the attack.
    pub harmless: Figures,
    /// Peak memory of the server in megabytes.
    pub peak: f64,
    /// Seconds until recovery; `None` if the server did not recover.
    pub normal: Option<f64>,
    /// Number of wrong responses and lost acknowledged changes.
    pub wrong: usize,
    /// True if the server process ended.
    pub ended: bool,
    /// True if no client can be served during the attack, whatever the server does.
    pub stops_service: bool,
}

/// Largest acceptable peak memory in megabytes.
pub const MOST_MEMORY: f64 = 450.0;
/// Smallest acceptable ratio of the write rate to that beside harmless work.
pub const LEAST_WRITES: f64 = 0.7;
/// Largest acceptable ratio of the latency to that beside harmless work.
pub const MOST_LATENCY: f64 = 3.0;
/// Largest acceptable recovery time in seconds.
pub const MOST_RECOVERY: f64 = 5.0;

impl Measured {
    /// Write rate during the attack, relative to harmless work.
    pub fn writes(&self) -> f64 {
        self.during.writes.rate / self.harmless.writes.rate
    }

    /// Latency during the attack, relative to harmless work: the larger ratio of reads and writes.
    pub fn latency(&self) -> f64 {
        let ratio = |of: fn(&Figures) -> f64| of(&self.during) / of(&self.harmless);
        ratio(|figures| figures.writes.p99).max(ratio(|figures| figures.reads.p99))
    }

    /// Names of the goals that are not met.
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
