//! Worker pools: a fixed number of threads for work that keeps a core busy.
//!
//! Password hashing and signing run here and never on the async runtime. The queue is bounded and refuses jobs when full, so
//! a storm of sign-ins cannot take more than these cores and this memory. Each thread keeps its own scratch value, for
//! instance the memory that a password hash needs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use tokio::sync::oneshot;

use crate::telemetry::audit_events;
use crate::telemetry::metrics::instrument::count;
use crate::telemetry::metrics::{WORK_QUEUE_DEPTH, WORK_QUEUE_LIMIT};
use crate::telemetry::reason::Reason;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// Pool of threads, each with a scratch value of type `S`. Cheap to clone; the threads end with the last clone.
#[derive(Debug)]
pub struct Workers<S> {
    /// Kind of work, for metrics, thread names and refusals.
    work: Work,
    /// Bounded queue of jobs, which the threads share.
    queue: SyncSender<Job<S>>,
    /// Jobs in the queue, counted apart because the channel does not tell its length.
    waiting: Arc<AtomicUsize>,
}

impl<S> Clone for Workers<S> {
    fn clone(&self) -> Self {
        let Self { work, queue, waiting } = self;
        Self { work: *work, queue: queue.clone(), waiting: Arc::clone(waiting) }
    }
}

/// Kind of work that a pool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Hashing and verifying passwords, which takes long on purpose.
    Hash,
    /// Signing access tokens and security event tokens.
    Sign,
    /// Generation of key pairs, which takes long for RSA.
    Keys,
    /// Reading imported files, each as large as a whole list.
    Files,
    /// Decisions on large lists, and loading, storing and searching them.
    Lists,
}

impl Work {
    const fn word(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Sign => "sign",
            Self::Keys => "keys",
            Self::Files => "files",
            Self::Lists => "lists",
        }
    }

    /// Reason of a refusal while the queue is full.
    const fn refusal(self) -> Reason {
        match self {
            Self::Hash => Reason::HashQueue,
            Self::Sign => Reason::SignQueue,
            Self::Keys => Reason::KeyQueue,
            Self::Files => Reason::FileQueue,
            // Such a job waits for a place in the queue before it is sent there.
            Self::Lists => Reason::EntityQueue,
        }
    }
}

/// Reasons for which a job was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// The queue of jobs is full.
    #[error("the work queue is full")]
    Overloaded,
    /// The job panicked, or the pool is gone: there is no result.
    #[error("the work failed")]
    Failed,
}

/// Share of a busy machine's processor time that the threads of a pool get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessorShare {
    /// The ordinary share: for work that is short.
    Full,
    /// A third of the ordinary share: for work that is long and of which strangers can request any amount.
    GivesWay,
}

impl ProcessorShare {
    /// Applies this share to the calling thread. A failure is ignored: the work is done at ordinary priority.
    fn take(self) {
        // On Linux niceness is a property of the thread; elsewhere it would be the whole process's.
        #[cfg(target_os = "linux")]
        match self {
            Self::Full => {}
            Self::GivesWay => {
                let ours = rustix::process::getpriority_process(None).unwrap_or(0);
                let _ = rustix::process::setpriority_process(None, ours + NICE);
            }
        }
    }
}

/// Increment of niceness: Linux weighs a thread of niceness 5 with 335 and one of niceness 0 with 1024 (`sched(7)`).
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

impl<S: Default + 'static> Workers<S> {
    /// Starts `threads` threads with this share of the processor, and a queue of at most `queue` jobs.
    ///
    /// # Errors
    ///
    /// Fails if the operating system gives no thread.
    pub fn start(
        work: Work,
        threads: usize,
        share: ProcessorShare,
        queue: usize,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel::<Job<S>>(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads.max(1) {
            let receiver = Arc::clone(&receiver);
            let run = move || {
                share.take();
                run(&receiver);
            };
            std::thread::Builder::new().name(format!("keyfold-{}", work.word())).spawn(run)?;
        }
        let workers = Self { work, queue: sender, waiting: Arc::default() };
        workers.observe(queue);
        Ok(workers)
    }
}

impl<S> Workers<S> {
    /// Registers the depth and the limit of the queue as metrics, which are observed until the pool is gone.
    fn observe(&self, limit: usize) {
        let attributes = [KeyValue::new("pool", self.work.word())];
        let (waiting, pool) = (Arc::downgrade(&self.waiting), attributes.clone());
        WORK_QUEUE_DEPTH.by(move |depth| {
            if let Some(waiting) = waiting.upgrade() {
                depth.observe(count(waiting.load(Ordering::Relaxed)), &pool);
            }
        });
        let waiting = Arc::downgrade(&self.waiting);
        WORK_QUEUE_LIMIT.by(move |most| {
            if waiting.upgrade().is_some() {
                most.observe(count(limit), &attributes);
            }
        });
    }

    /// Runs `job` on one of the threads and waits for its result.
    ///
    /// # Errors
    ///
    /// Fails if the queue is full or the job panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let (reply, answer) = oneshot::channel();
        let span = tracing::Span::current();
        let waiting = Arc::clone(&self.waiting);
        let job: Job<S> = Box::new(move |scratch| {
            waiting.fetch_sub(1, Ordering::Relaxed);
            // A job whose caller has stopped waiting is skipped.
            if !reply.is_closed() {
                let _ = reply.send(span.in_scope(|| job(scratch)));
            }
        });
        self.enqueue(job)?;
        answer.await.map_err(|_| WorkError::Failed)
    }

    fn enqueue(&self, job: Job<S>) -> Result<(), WorkError> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let Err(error) = self.queue.try_send(job) else { return Ok(()) };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Err(match error {
            TrySendError::Full(_) => {
                audit_events::refused(self.work.refusal());
                WorkError::Overloaded
            }
            TrySendError::Disconnected(_) => WorkError::Failed,
        })
    }
}

fn run<S: Default>(queue: &Mutex<Receiver<Job<S>>>) {
    let mut scratch = S::default();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // A job that panics costs its caller the answer, but the pool no thread.
        if catch_unwind(AssertUnwindSafe(|| job(&mut scratch))).is_err() {
            scratch = S::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_gets_the_scratch_of_its_thread() {
        let workers = Workers::<Vec<u8>>::start(Work::Files, 1, ProcessorShare::Full, 4).unwrap();
        workers.run(|scratch| scratch.push(7)).await.unwrap();
        assert_eq!(workers.run(|scratch| scratch.clone()).await, Ok(vec![7]));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn threads_that_give_way_are_nicer_than_the_others() {
        let nice = |()| rustix::process::getpriority_process(None).unwrap();
        let full = Workers::<()>::start(Work::Files, 1, ProcessorShare::Full, 1).unwrap();
        let nicer = Workers::<()>::start(Work::Files, 1, ProcessorShare::GivesWay, 1).unwrap();
        let ours = nice(());
        assert_eq!(full.run(move |()| nice(())).await, Ok(ours));
        assert_eq!(nicer.run(move |()| nice(())).await, Ok(ours + NICE));
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let workers = Workers::<()>::start(Work::Files, 1, ProcessorShare::Full, 1).unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (start, begun) = oneshot::channel();
        let running = workers.run(move |()| {
            let _ = start.send(());
            let _ = released.recv();
        });
        let mut running = std::pin::pin!(running);
        let waiting = workers.run(|()| ());
        tokio::select! {
            biased;
            _ = &mut running => unreachable!("it waits to be released"),
            () = async { begun.await.unwrap() } => {}
        }
        let mut waiting = std::pin::pin!(waiting);
        assert!(futures_util::FutureExt::now_or_never(&mut waiting).is_none());
        assert_eq!(workers.waiting.load(Ordering::Relaxed), 1);
        assert_eq!(workers.run(|()| ()).await, Err(WorkError::Overloaded));
        assert_eq!(workers.waiting.load(Ordering::Relaxed), 1, "refused work does not wait");
        release.send(()).unwrap();
        assert_eq!(running.await, Ok(()));
        assert_eq!(waiting.await, Ok(()));
        assert_eq!(workers.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_job_that_panics_takes_nobody_with_it() {
        let workers = Workers::<()>::start(Work::Files, 1, ProcessorShare::Full, 4).unwrap();
        assert_eq!(workers.run(|()| panic!("on purpose")).await, Err::<(), _>(WorkError::Failed));
        assert_eq!(workers.run(|()| 42).await, Ok(42));
    }
}
