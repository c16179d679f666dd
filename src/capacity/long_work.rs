//! Threads for long work, away from those that answer requests.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::worker_pool::{Share, Work, WorkError, Workers};

/// Threads for long work, with a queue that never refuses: whoever comes waits for a place in it.
#[derive(Debug, Clone)]
pub struct LongWork {
    workers: Workers<()>,
    turns: Arc<Semaphore>,
}

impl LongWork {
    /// Starts the threads: half as many as there are cores, so that requests are answered meanwhile.
    ///
    /// # Errors
    ///
    /// When the operating system gives no thread.
    pub fn start() -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores / 2).max(1);
        let places = threads * AHEAD;
        let workers = Workers::start(Work::Lists, threads, Share::GivesWay, places)?;
        Ok(Self { workers, turns: Arc::new(Semaphore::new(places)) })
    }

    /// Runs a job that takes more than a few milliseconds. Jobs run in the order in which they come.
    ///
    /// # Errors
    ///
    /// When the job panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_closed| WorkError::Failed)?;
        let job = move |(): &mut ()| {
            let done = job();
            // The place is the job's, whoever stops waiting for it.
            drop(turn);
            done
        };
        self.workers.run(job).await
    }
}

/// Long work of which each thread has some waiting.
const AHEAD: usize = 4;
