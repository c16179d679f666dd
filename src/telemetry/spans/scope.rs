//! Instrumentation scope of our spans: the program that creates them.

use opentelemetry::InstrumentationScope;

/// Returns the scope with the name and version of this program.
pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}
