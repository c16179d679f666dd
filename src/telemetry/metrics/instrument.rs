//! Instruments of metrics: defined once, as constants, and created when they are first used.
//!
//! They belong to the meter provider of the process. Without one, as in tests and the operator's commands, they count
//! nothing and cost next to nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::metrics::{AsyncInstrument, BoundHistogram, Counter, Histogram, Meter};
use opentelemetry::{KeyValue, global};

/// Name of the meter that all instruments belong to.
const METER: &str = env!("CARGO_PKG_NAME");

/// Bucket bounds of durations in seconds: a warm read takes tens of microseconds, a slow page a second.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Bucket bounds of sizes, in the unit of the metric.
const SIZES: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_000.0, 10_000.0, 100_000.0];

fn meter() -> Meter {
    global::meter(METER)
}

/// Kind of an instrument, as the registry of metrics names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstrumentKind {
    /// Sum that only grows.
    Counter,
    /// Sum that grows and shrinks, and that may be added up over nodes.
    UpDownCounter,
    /// Current value of a quantity.
    Gauge,
    /// Distribution of values over buckets.
    Histogram,
}

/// Metric as `observability/registry.yaml` describes it.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Name in the registry, with dots.
    pub name: &'static str,
    /// Kind of the instrument that records it.
    pub kind: InstrumentKind,
    /// Unit in UCUM's notation.
    pub unit: &'static str,
    /// Description of the counted or measured quantity.
    pub meaning: &'static str,
}

/// Counter of events, created in the SDK at its first use.
#[derive(Debug)]
pub struct Count {
    /// Metric that this counter records.
    pub definition: Definition,
    /// Instrument of the SDK, created at the first use because the meter provider does not exist before.
    made: OnceLock<Counter<u64>>,
}

impl Count {
    pub(super) const fn new(name: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        let definition = Definition { name, kind: InstrumentKind::Counter, unit, meaning };
        Self { definition, made: OnceLock::new() }
    }

    /// Counts one event in the series of these attributes.
    pub fn one(&self, attributes: &[KeyValue]) {
        self.add(1, attributes);
    }

    /// Adds this number of events; zero creates the series.
    pub fn add(&self, times: u64, attributes: &[KeyValue]) {
        let Definition { name, unit, meaning, .. } = self.definition;
        let make = || meter().u64_counter(name).with_unit(unit).with_description(meaning).build();
        self.made.get_or_init(make).add(times, attributes);
    }
}

/// Histogram of durations in seconds, with buckets that all durations share.
#[derive(Debug)]
pub struct Seconds {
    /// Metric that this histogram records.
    pub definition: Definition,
    /// Instrument of the SDK, created at the first use because the meter provider does not exist before.
    made: OnceLock<Histogram<f64>>,
}

impl Seconds {
    pub(super) const fn new(name: &'static str, meaning: &'static str) -> Self {
        let definition = Definition { name, kind: InstrumentKind::Histogram, unit: "s", meaning };
        Self { definition, made: OnceLock::new() }
    }

    /// Records one duration in the series of these attributes.
    pub fn record(&self, took: Duration, attributes: &[KeyValue]) {
        self.histogram().record(took.as_secs_f64(), attributes);
    }

    /// Binds the attributes to a series, for code that records too often to look them up each time.
    pub fn series(&self, attributes: &[KeyValue]) -> Series {
        Series(self.histogram().bind(attributes))
    }

    fn histogram(&self) -> &Histogram<f64> {
        let Definition { name, unit, meaning, .. } = self.definition;
        let make = || {
            let meter = meter();
            let histogram = meter.f64_histogram(name).with_unit(unit).with_description(meaning);
            histogram.with_boundaries(SECONDS.to_vec()).build()
        };
        self.made.get_or_init(make)
    }
}

/// Durations with fixed attributes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Series(BoundHistogram<f64>);

impl Series {
    /// Records one duration in this series, without a look-up of its attributes.
    pub fn record(&self, took: Duration) {
        self.0.record(took.as_secs_f64());
    }
}

/// Histogram of sizes, whose unit each metric names.
#[derive(Debug)]
pub struct Sizes {
    /// Metric that this histogram records.
    pub definition: Definition,
    /// Instrument of the SDK, created at the first use because the meter provider does not exist before.
    made: OnceLock<Histogram<u64>>,
}

impl Sizes {
    pub(super) const fn new(name: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        let definition = Definition { name, kind: InstrumentKind::Histogram, unit, meaning };
        Self { definition, made: OnceLock::new() }
    }

    /// Records one size in the series of these attributes.
    pub fn record(&self, size: usize, attributes: &[KeyValue]) {
        let Definition { name, unit, meaning, .. } = self.definition;
        let make = || {
            let meter = meter();
            let histogram = meter.u64_histogram(name).with_unit(unit).with_description(meaning);
            histogram.with_boundaries(SIZES.to_vec()).build()
        };
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        self.made.get_or_init(make).record(size, attributes);
    }
}

/// Metric that is observed at each collection, instead of recorded at each change.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    /// Metric that the callbacks observe.
    pub definition: Definition,
}

impl Observed {
    pub(super) const fn new(
        kind: InstrumentKind,
        name: &'static str,
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { definition: Definition { name, kind, unit, meaning } }
    }

    /// Registers `look`, which is called at each collection for as long as the process runs.
    pub fn by(self, look: impl Fn(&dyn AsyncInstrument<f64>) + Send + Sync + 'static) {
        let Definition { name, kind, unit, meaning } = self.definition;
        let meter = meter();
        // The meter provider owns the instruments; the values built here are only handles.
        match kind {
            InstrumentKind::Counter => {
                let made = meter.f64_observable_counter(name).with_unit(unit);
                let _ = made.with_description(meaning).with_callback(look).build();
            }
            InstrumentKind::UpDownCounter => {
                let made = meter.f64_observable_up_down_counter(name).with_unit(unit);
                let _ = made.with_description(meaning).with_callback(look).build();
            }
            InstrumentKind::Gauge | InstrumentKind::Histogram => {
                let made = meter.f64_observable_gauge(name).with_unit(unit);
                let _ = made.with_description(meaning).with_callback(look).build();
            }
        }
    }
}

/// Converts a counter value, of a [`Tally`] for example, for an observed metric.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
pub fn number(of: u64) -> f64 {
    of as f64
}

/// Converts a length for an observed metric.
pub fn count(of: usize) -> f64 {
    number(of.try_into().unwrap_or(u64::MAX))
}

/// Counters for every request, each at the price of an addition: their attribute sets are known in advance.
#[derive(Debug)]
pub struct Tally<const N: usize>([AtomicU64; N]);

impl<const N: usize> Tally<N> {
    /// Creates counters at zero.
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }

    /// Adds one to the counter at this place.
    pub fn add(&self, place: usize) {
        if let Some(count) = self.0.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Subtracts one from the counter at this place.
    pub fn subtract(&self, place: usize) {
        if let Some(count) = self.0.get(place) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Returns the value of every counter, with its place.
    pub fn numbers(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).enumerate()
    }
}

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_tells_every_number_also_of_what_never_happened() {
        let tally = Tally::<3>::new();
        tally.add(0);
        tally.add(2);
        tally.add(2);
        tally.add(3);
        assert_eq!(tally.numbers().collect::<Vec<_>>(), [(0, 1), (1, 0), (2, 2)]);
        tally.subtract(0);
        assert_eq!(tally.numbers().collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 2)]);
    }
}
