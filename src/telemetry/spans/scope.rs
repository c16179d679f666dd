//! The instrumentation scope of our spans: who makes them.

use opentelemetry::InstrumentationScope;

/// The name and version of this program.
pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}
