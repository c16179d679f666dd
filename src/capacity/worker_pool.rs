//! Worker pools: a fixed number of threads for work that keeps a core busy.
//!
//! Password hashing and signing run here and never on the async runtime. The queue is bounded and refuses when full, so
//! a storm of sign-ins costs its cores and its memory once, not per request. Each thread keeps its own scratch value,
//! for instance the memory a password hash needs.

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

/// A pool of threads, each with a scratch value of type `S`. Cheap to clone; the threads end with the last clone.
#[derive(Debug)]
pub struct Workers<S> {
    work: Work,
    queue: SyncSender<Job<S>>,
    /// How many jobs wait.
    waiting: Arc<AtomicUsize>,
}

impl<S> Clone for Workers<S> {
    fn clone(&self) -> Self {
        let Self { work, queue, waiting } = self;
        Self { work: *work, queue: queue.clone(), waiting: Arc::clone(waiting) }
    }
}

/// What a pool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Hashing passwords.
    Hash,
    /// Signing tokens.
    Sign,
    /// Making keys.
    Keys,
    /// Reading files.
    Files,
    /// Deciding, loading, storing and searching large lists.
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

    /// Why it is refused when too much of it waits.
    const fn refusal(self) -> Reason {
        match self {
            Self::Hash => Reason::HashQueue,
            Self::Sign => Reason::SignQueue,
            Self::Keys => Reason::KeyQueue,
            Self::Files => Reason::FileQueue,
            // It waits for a place in the queue before it is sent there.
            Self::Lists => Reason::EntityQueue,
        }
    }
}

/// The work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// Too much work waits already.
    #[error("too much work waits already")]
    Overloaded,
    /// The work panicked.
    #[error("the work failed")]
    Failed,
}

/// How much of a busy machine the threads of a pool get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// As much as anybody.
    Full,
    /// A third of what others get: for work that is long and of which strangers can ask for any amount.
    GivesWay,
}

impl Share {
    /// Gives the calling thread this share. One that cannot be had is no failure: the work is done all the same.
    fn take(self) {
        // On Linux this is the niceness of the thread; elsewhere it would be the whole process's.
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

/// How much nicer: Linux weighs a thread with 335 where one that is nicer by 0 has 1024 (`sched(7)`).
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

impl<S: Default + 'static> Workers<S> {
    /// Starts `threads` threads that take this share of the processor; at most `queue` jobs wait for them.
    ///
    /// # Errors
    ///
    /// When the operating system gives no thread.
    pub fn start(work: Work, threads: usize, share: Share, queue: usize) -> std::io::Result<Self> {
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
    /// Shows how many jobs wait, until the pool is gone.
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

    /// Runs `job` on one of the threads.
    ///
    /// # Errors
    ///
    /// When the queue is full or the job panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let (reply, answer) = oneshot::channel();
        let span = tracing::Span::current();
        let waiting = Arc::clone(&self.waiting);
        let job: Job<S> = Box::new(move |scratch| {
            waiting.fetch_sub(1, Ordering::Relaxed);
            // Whoever asked may have given up while the job waited.
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
        // A job that panics costs its caller an answer, not the pool a thread.
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
        let workers = Workers::<Vec<u8>>::start(Work::Files, 1, Share::Full, 4).unwrap();
        workers.run(|scratch| scratch.push(7)).await.unwrap();
        assert_eq!(workers.run(|scratch| scratch.clone()).await, Ok(vec![7]));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn threads_that_give_way_are_nicer_than_the_others() {
        let nice = |()| rustix::process::getpriority_process(None).unwrap();
        let full = Workers::<()>::start(Work::Files, 1, Share::Full, 1).unwrap();
        let nicer = Workers::<()>::start(Work::Files, 1, Share::GivesWay, 1).unwrap();
        let ours = nice(());
        assert_eq!(full.run(move |()| nice(())).await, Ok(ours));
        assert_eq!(nicer.run(move |()| nice(())).await, Ok(ours + NICE));
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let workers = Workers::<()>::start(Work::Files, 1, Share::Full, 1).unwrap();
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
        assert_eq!(workers.waiting.load(Ordering::Relaxed), 1, "what was refused does not wait");
        release.send(()).unwrap();
        assert_eq!(running.await, Ok(()));
        assert_eq!(waiting.await, Ok(()));
        assert_eq!(workers.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_job_that_panics_takes_nobody_with_it() {
        let workers = Workers::<()>::start(Work::Files, 1, Share::Full, 4).unwrap();
        assert_eq!(workers.run(|()| panic!("on purpose")).await, Err::<(), _>(WorkError::Failed));
        assert_eq!(workers.run(|()| 42).await, Ok(42));
    }
}
