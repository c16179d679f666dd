//! Meter provider: one set of metrics, read by Prometheus and sent to the collector.

use anyhow::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{Instrument, InstrumentKind, SdkMeterProvider, Stream};
use prometheus::{Encoder, Registry, TextEncoder};

/// Metrics that Prometheus reads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Exposition(Registry);

/// Media type of Prometheus' text format, version 0.0.4.
pub const TEXT_FORMAT: &str = prometheus::TEXT_FORMAT;

impl Exposition {
    /// Returns the current value of every metric, in Prometheus' text format.
    ///
    /// # Errors
    ///
    /// Fails if a metric has no such form.
    pub fn text(&self) -> anyhow::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.0.gather(), &mut text)?;
        Ok(text)
    }
}

/// Limits on the series of a counter or a gauge, and of a histogram, one of which has a series for each operation and
/// status. The real numbers are far lower. The SDK allocates memory for the limit, which by its own default is 2,000 for
/// each.
const SERIES: usize = 100;
const SERIES_OF_HISTOGRAM: usize = 500;

/// View that applies these limits to an instrument.
fn with_little_room(instrument: &Instrument) -> Option<Stream> {
    let is_histogram = instrument.kind() == InstrumentKind::Histogram;
    let series = if is_histogram { SERIES_OF_HISTOGRAM } else { SERIES };
    Stream::builder().with_cardinality_limit(series).build().ok()
}

/// Creates a meter provider that Prometheus can read, and that `reader` reads at intervals.
pub(crate) fn start(
    resource: Resource,
    reader: Option<impl MetricReader>,
) -> anyhow::Result<(SdkMeterProvider, Exposition)> {
    let registry = Registry::new();
    let prometheus = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        // All metrics come from this program: its name on every series would be redundant.
        .scope_info_enabled(false)
        .build()
        .context("metrics cannot be shown to Prometheus")?;
    let mut provider = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_view(with_little_room)
        .with_reader(prometheus);
    if let Some(reader) = reader {
        provider = provider.with_reader(reader);
    }
    Ok((provider.build(), Exposition(registry)))
}
