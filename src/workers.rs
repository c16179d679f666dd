//! Worker pools: a fixed number of threads for work that keeps a core busy.
//!
//! Password hashing and signing run here and never on the async runtime. The queue is bounded and refuses when full, so
//! a storm of sign-ins costs its cores and its memory once, not per request. Each thread keeps its own scratch value,
//! for instance the memory a password hash needs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A pool of threads, each with a scratch value of type `S`. Cheap to clone; the threads end with the last clone.
#[derive(Debug)]
pub struct Workers<S> {
    queue: SyncSender<Job<S>>,
}

impl<S> Clone for Workers<S> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
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
    /// Starts `threads` threads named `name` that take this share of the processor; at most `queue` jobs wait for them.
    ///
    /// # Errors
    ///
    /// When the operating system gives no thread.
    pub fn start(name: &str, threads: usize, share: Share, queue: usize) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel::<Job<S>>(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads.max(1) {
            let receiver = Arc::clone(&receiver);
            let work = move || {
                share.take();
                work(&receiver);
            };
            std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        }
        Ok(Self { queue: sender })
    }
}

impl<S> Workers<S> {
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
        let job: Job<S> = Box::new(move |scratch| {
            // Whoever asked may have given up while the job waited.
            if !reply.is_closed() {
                let _ = reply.send(span.in_scope(|| job(scratch)));
            }
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => WorkError::Overloaded,
            TrySendError::Disconnected(_) => WorkError::Failed,
        })?;
        answer.await.map_err(|_| WorkError::Failed)
    }
}

fn work<S: Default>(queue: &Mutex<Receiver<Job<S>>>) {
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
        let workers = Workers::<Vec<u8>>::start("test", 1, Share::Full, 4).unwrap();
        workers.run(|scratch| scratch.push(7)).await.unwrap();
        assert_eq!(workers.run(|scratch| scratch.clone()).await, Ok(vec![7]));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn threads_that_give_way_are_nicer_than_the_others() {
        let nice = |()| rustix::process::getpriority_process(None).unwrap();
        let full = Workers::<()>::start("test", 1, Share::Full, 1).unwrap();
        let nicer = Workers::<()>::start("test", 1, Share::GivesWay, 1).unwrap();
        let ours = nice(());
        assert_eq!(full.run(move |()| nice(())).await, Ok(ours));
        assert_eq!(nicer.run(move |()| nice(())).await, Ok(ours + NICE));
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let workers = Workers::<()>::start("test", 1, Share::Full, 1).unwrap();
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
        assert_eq!(workers.run(|()| ()).await, Err(WorkError::Overloaded));
        release.send(()).unwrap();
        assert_eq!(running.await, Ok(()));
        assert_eq!(waiting.await, Ok(()));
    }

    #[tokio::test]
    async fn a_job_that_panics_takes_nobody_with_it() {
        let workers = Workers::<()>::start("test", 1, Share::Full, 4).unwrap();
        assert_eq!(workers.run(|()| panic!("on purpose")).await, Err::<(), _>(WorkError::Failed));
        assert_eq!(workers.run(|()| 42).await, Ok(42));
    }
}
