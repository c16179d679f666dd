//! Cost and queue of password hashing (Argon2id).

use std::num::NonZero;
use std::thread::available_parallelism;

use crate::config::read::parse::number;
use crate::config::read::reader::Reader;
use crate::config::variables::{HASH_ITERATIONS, HASH_MEMORY, HASH_QUEUE, HASH_THREADS};

/// Least memory that OWASP recommends for two iterations, in KiB.
const LEAST_MEMORY_KIB: u32 = 19_456;
const MOST_MEMORY_KIB: u32 = 1_048_576;
const LEAST_ITERATIONS: u32 = 2;

/// Cost and queue of password hashing (Argon2id).
#[derive(Clone, Debug)]
pub struct PasswordConfig {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub iterations: u32,
    /// Hashes computed at the same time.
    pub threads: usize,
    /// Hashes that may wait; beyond that the answer is 503.
    pub queue: usize,
}

impl Default for PasswordConfig {
    /// One thread for each processor core.
    fn default() -> Self {
        Self {
            memory_kib: LEAST_MEMORY_KIB,
            iterations: LEAST_ITERATIONS,
            threads: available_parallelism().map_or(1, NonZero::get),
            queue: 64,
        }
    }
}

impl PasswordConfig {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let memory_kib = reader.read(&HASH_MEMORY, number(LEAST_MEMORY_KIB..=MOST_MEMORY_KIB));
        let iterations = reader.read(&HASH_ITERATIONS, number(LEAST_ITERATIONS..=100));
        let threads = reader.read(&HASH_THREADS, number(1..=256));
        let queue = reader.read(&HASH_QUEUE, number(1..=10_000));
        Self {
            memory_kib: memory_kib.unwrap_or(default.memory_kib),
            iterations: iterations.unwrap_or(default.iterations),
            threads: threads.unwrap_or(default.threads),
            queue: queue.unwrap_or(default.queue),
        }
    }
}
