//! Workloads, by name.

mod browser;
mod growth;
pub mod memory;
mod pages;
mod reads;
mod rebuild;
mod sign_in;
mod start;
mod telemetry;
mod tokens;
mod writes;

use std::future::Future;
use std::pin::Pin;

use crate::figures::Row;

/// Name of a workload and its measurement.
type Workload = (&'static str, fn() -> Measurement);

type Measurement = Pin<Box<dyn Future<Output = anyhow::Result<Vec<Row>>> + Send>>;

/// Every workload, in the order of the table.
pub const WORKLOADS: [Workload; 11] = [
    ("reads", || Box::pin(reads::measure())),
    ("writes", || Box::pin(writes::measure())),
    ("sign-in", || Box::pin(sign_in::measure())),
    ("tokens", || Box::pin(tokens::measure())),
    ("rebuild", || Box::pin(rebuild::measure())),
    ("memory", || Box::pin(memory::measure())),
    ("start", || Box::pin(start::measure())),
    ("telemetry", || Box::pin(telemetry::measure())),
    ("pages", || Box::pin(pages::measure())),
    ("browser", || Box::pin(browser::measure())),
    ("growth", || Box::pin(growth::measure())),
];
