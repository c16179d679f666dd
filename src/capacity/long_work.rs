//! Threads for long work, apart from those that answer requests.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::worker_pool::{ProcessorShare, Work, WorkError, Workers};

/// Threads for long work, with a queue that never refuses: callers wait for a place in it.
#[derive(Debug, Clone)]
pub struct LongWork {
    /// Threads with lowered priority, shared by all clones.
    workers: Workers<()>,
    /// Permits for the places of the queue: a job holds one until it is done.
    permits: Arc<Semaphore>,
}

impl LongWork {
    /// Starts the threads: half as many as there are cores, so that requests are answered meanwhile.
    ///
    /// # Errors
    ///
    /// Fails if the operating system gives no thread.
    pub fn start() -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores / 2).max(1);
        let places = threads * AHEAD;
        let workers = Workers::start(Work::Lists, threads, ProcessorShare::GivesWay, places)?;
        Ok(Self { workers, permits: Arc::new(Semaphore::new(places)) })
    }

    /// Runs a job that takes more than a few milliseconds. Jobs run in the order in which they come.
    ///
    /// # Errors
    ///
    /// Fails if the job panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_closed| WorkError::Failed)?;
        let job = move |(): &mut ()| {
            let done = job();
            // The permit belongs to the job, even if its caller stops waiting.
            drop(permit);
            done
        };
        self.workers.run(job).await
    }
}

/// Places in the queue for each thread, the running job included.
const AHEAD: usize = 4;
