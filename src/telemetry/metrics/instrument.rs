//! What metrics are made of: instruments that are defined once, as constants, and made when they are used first.
//!
//! They belong to the meter provider of the process. Without one, which is what tests and the operator's commands have, they
//! count nothing and cost next to nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::metrics::{AsyncInstrument, BoundHistogram, Counter, Histogram, Meter};
use opentelemetry::{KeyValue, global};

/// Who measures.
const METER: &str = env!("CARGO_PKG_NAME");

/// Bounds of durations, in seconds: a warm read takes tens of microseconds, what a person waits for a second.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Bounds of sizes.
const SIZES: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_000.0, 10_000.0, 100_000.0];

fn meter() -> Meter {
    global::meter(METER)
}

/// What kind of instrument a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Grows and shrinks, and makes sense as a sum over nodes.
    UpDownCounter,
    /// Is what it is.
    Gauge,
    /// Values, sorted into buckets.
    Histogram,
}

/// A metric as `observability/registry.yaml` describes it.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What kind of instrument it is.
    pub kind: Kind,
    /// Its unit (UCUM).
    pub unit: &'static str,
    /// What it counts or measures.
    pub meaning: &'static str,
}

/// Counts what happens.
#[derive(Debug)]
pub struct Count {
    /// What it counts.
    pub definition: Definition,
    made: OnceLock<Counter<u64>>,
}

impl Count {
    pub(super) const fn new(name: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        let definition = Definition { name, kind: Kind::Counter, unit, meaning };
        Self { definition, made: OnceLock::new() }
    }

    /// It happened once.
    pub fn one(&self, attributes: &[KeyValue]) {
        self.add(1, attributes);
    }

    /// It happened so many times.
    pub fn add(&self, times: u64, attributes: &[KeyValue]) {
        let Definition { name, unit, meaning, .. } = self.definition;
        let make = || meter().u64_counter(name).with_unit(unit).with_description(meaning).build();
        self.made.get_or_init(make).add(times, attributes);
    }
}

/// Measures how long something takes.
#[derive(Debug)]
pub struct Seconds {
    /// What it measures.
    pub definition: Definition,
    made: OnceLock<Histogram<f64>>,
}

impl Seconds {
    pub(super) const fn new(name: &'static str, meaning: &'static str) -> Self {
        let definition = Definition { name, kind: Kind::Histogram, unit: "s", meaning };
        Self { definition, made: OnceLock::new() }
    }

    /// It took that long.
    pub fn record(&self, took: Duration, attributes: &[KeyValue]) {
        self.histogram().record(took.as_secs_f64(), attributes);
    }

    /// One of its series, for what happens too often to look up the attributes each time.
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

/// Durations with the same attributes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Series(BoundHistogram<f64>);

impl Series {
    /// It took that long.
    pub fn record(&self, took: Duration) {
        self.0.record(took.as_secs_f64());
    }
}

/// Measures how large something is.
#[derive(Debug)]
pub struct Sizes {
    /// What it measures.
    pub definition: Definition,
    made: OnceLock<Histogram<u64>>,
}

impl Sizes {
    pub(super) const fn new(name: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        let definition = Definition { name, kind: Kind::Histogram, unit, meaning };
        Self { definition, made: OnceLock::new() }
    }

    /// It had this size.
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

/// What is looked at when somebody collects the metrics, instead of whenever it changes.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    /// What is looked at.
    pub definition: Definition,
}

impl Observed {
    pub(super) const fn new(
        kind: Kind,
        name: &'static str,
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { definition: Definition { name, kind, unit, meaning } }
    }

    /// Looks with `look` from now on, for as long as the process runs.
    pub fn by(self, look: impl Fn(&dyn AsyncInstrument<f64>) + Send + Sync + 'static) {
        let Definition { name, kind, unit, meaning } = self.definition;
        let meter = meter();
        // What is made belongs to the provider; the values here are nothing but names of it.
        match kind {
            Kind::Counter => {
                let made = meter.f64_observable_counter(name).with_unit(unit);
                let _ = made.with_description(meaning).with_callback(look).build();
            }
            Kind::UpDownCounter => {
                let made = meter.f64_observable_up_down_counter(name).with_unit(unit);
                let _ = made.with_description(meaning).with_callback(look).build();
            }
            Kind::Gauge | Kind::Histogram => {
                let made = meter.f64_observable_gauge(name).with_unit(unit);
                let _ = made.with_description(meaning).with_callback(look).build();
            }
        }
    }
}

/// One of the numbers of a [`Tally`], or any number that is looked at.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
pub fn number(of: u64) -> f64 {
    of as f64
}

/// How many there are, as a number that is looked at.
pub fn count(of: usize) -> f64 {
    number(of.try_into().unwrap_or(u64::MAX))
}

/// Counts what happens on every request, for the price of an addition: its attribute sets are known beforehand.
#[derive(Debug)]
pub struct Tally<const N: usize>([AtomicU64; N]);

impl<const N: usize> Tally<N> {
    /// Nothing was counted yet.
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }

    /// What stands at this place happened once more.
    pub fn add(&self, place: usize) {
        if let Some(count) = self.0.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What stands at this place happened once less.
    pub fn subtract(&self, place: usize) {
        if let Some(count) = self.0.get(place) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Every number, with its place.
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
