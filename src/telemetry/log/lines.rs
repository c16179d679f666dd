//! Queue of log lines in front of a stream that may not be read.
//!
//! Callers put lines into a queue; the stream's own thread writes them. While the stream accepts nothing (a pipe that is not
//! read, a disk that is full) the queue fills, and further lines are counted and dropped. One line reports them once the
//! stream has accepted the queued ones.
//!
//! Invariants: putting a line never waits for the stream. The queue is bounded, in lines and in bytes. A line is written as
//! a whole and in order, or not at all; up to [`ATOMIC`] bytes no other process's output can come between its halves either.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// Bounds of the queue, in lines and in bytes.
const MOST_LINES: usize = 4_096;
const MOST_BYTES: usize = 512 * 1_024;
/// Most bytes of one write: a pipe accepts these without interleaving another writer's output (POSIX, `PIPE_BUF` of Linux).
const ATOMIC: usize = 4_096;
/// Back-off after a failed write: the first pause and the longest one.
const SOON: Duration = Duration::from_millis(10);
const LATER: Duration = Duration::from_millis(500);
/// Shortest time between two reports of lost lines while the stream is too slow.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// Queue of one stream's lines. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lines(Arc<LineBuffer>);

#[derive(Debug)]
struct LineBuffer {
    /// Lines and counters, locked only to move lines, never during a write.
    queue: Mutex<Queue>,
    /// Notified when there is something to write, and when all is written.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// Lines to write, in order.
    waiting: VecDeque<Box<[u8]>>,
    /// Total bytes of these lines.
    bytes: usize,
    /// True while the thread writes lines that it has taken from the queue.
    is_writing: bool,
    /// Lines lost since the start.
    lost: u64,
    /// Lines lost since the last report.
    untold: u64,
    /// Thread that writes. Its own lines are always queued, so that it can report lost ones.
    writer: Option<ThreadId>,
}

impl Queue {
    fn put(&mut self, line: &[u8]) {
        let fits = self.waiting.len() < MOST_LINES && self.bytes + line.len() <= MOST_BYTES;
        if fits || self.writer == Some(thread::current().id()) {
            self.bytes += line.len();
            self.waiting.push_back(line.into());
        } else {
            self.lost += 1;
            self.untold += 1;
        }
    }

    /// Moves as many lines as fit into one write, and at least one.
    fn take(&mut self, chunk: &mut Vec<u8>) {
        while let Some(line) = self.waiting.front() {
            if !chunk.is_empty() && chunk.len() + line.len() > ATOMIC {
                return;
            }
            chunk.extend_from_slice(line);
            self.bytes -= line.len();
            self.waiting.pop_front();
        }
    }

    /// Returns true if there is nothing left to write or to report.
    fn is_done(&self) -> bool {
        self.waiting.is_empty() && !self.is_writing && self.untold == 0
    }
}

impl Lines {
    /// Starts the thread that writes to a stream. It calls `tell` with the number of lost lines; the lines that `tell` puts
    /// are never lost.
    ///
    /// # Errors
    /// Fails if no thread can be started.
    pub(super) fn begin(
        name: &str,
        stream: impl Write + Send + 'static,
        tell: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = LineBuffer { queue: Mutex::default(), changed: Condvar::new() };
        let lines = Self(Arc::new(shared));
        let writing = lines.clone();
        thread::Builder::new().name(name.to_owned()).spawn(move || writing.run(stream, &tell))?;
        Ok(lines)
    }

    /// Queues a line, or several, with the line break at the end. They are written as a whole or lost as a whole.
    pub(super) fn put(&self, line: &[u8]) {
        let mut queue = self.queue();
        let was_empty = queue.waiting.is_empty();
        queue.put(line);
        drop(queue);
        // Otherwise the thread is awake.
        if was_empty {
            self.0.changed.notify_all();
        }
    }

    /// Lines lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.queue().lost
    }

    /// Waits until everything is written, up to a time limit.
    pub(super) fn flush(&self, limit: Duration) {
        let waited = self.0.changed.wait_timeout_while(self.queue(), limit, |it| !it.is_done());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(self, mut stream: impl Write, tell: &impl Fn(u64)) {
        self.queue().writer = Some(thread::current().id());
        let mut chunk = Vec::with_capacity(ATOMIC);
        let mut told = Instant::now();
        loop {
            self.take(&mut chunk);
            write(&mut stream, &chunk);
            chunk.clear();
            chunk.shrink_to(ATOMIC);
            if let Some(lost) = self.untold(told.elapsed() >= TELL_EVERY) {
                told = Instant::now();
                tell(lost);
            }
            self.queue().is_writing = false;
            self.0.changed.notify_all();
        }
    }

    /// Waits for something to write or to report.
    fn take(&self, chunk: &mut Vec<u8>) {
        let is_idle = |queue: &mut Queue| queue.waiting.is_empty() && queue.untold == 0;
        let waiting = self.0.changed.wait_while(self.queue(), is_idle);
        let mut queue = waiting.unwrap_or_else(PoisonError::into_inner);
        queue.take(chunk);
        queue.is_writing = true;
    }

    /// Takes the number of lost lines if it is to be reported now: after everything else has been written, or after
    /// [`TELL_EVERY`].
    fn untold(&self, is_time: bool) -> Option<u64> {
        let mut queue = self.queue();
        let tells = queue.untold > 0 && (queue.waiting.is_empty() || is_time);
        tells.then(|| std::mem::take(&mut queue.untold))
    }
}

impl Write for Lines {
    /// Queues a line as a whole: `tracing_subscriber` passes each at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all bytes, however long that takes. A failed write is retried from where it stopped: a disk may have space again,
/// a named pipe another reader.
fn write(stream: &mut impl Write, mut rest: &[u8]) {
    let mut pause = SOON;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(length @ 1..) => {
                rest = rest.get(length..).unwrap_or_default();
                pause = SOON;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => {
                thread::park_timeout(pause);
                pause = (pause * 2).min(LATER);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);

    /// Stream that accepts as many bytes at a time as it is allowed, or fails.
    struct Scripted {
        allowed: Receiver<io::Result<usize>>,
        taken: Taken,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // The test has ended: everything is allowed.
            let length = self.allowed.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            self.taken.lock().unwrap().extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Taken = Arc<Mutex<Vec<u8>>>;

    /// Queue, the sender that lets its stream accept bytes, and the accepted bytes.
    fn scripted() -> (Lines, Sender<io::Result<usize>>, Taken) {
        let ((allow, allowed), taken) = (channel(), Arc::default());
        let stream = Scripted { allowed, taken: Arc::clone(&taken) };
        let itself = Arc::new(OnceLock::<Lines>::new());
        let telling = Arc::clone(&itself);
        let tell = move |lost| telling.wait().put(format!("{lost} lost\n").as_bytes());
        let lines = Lines::begin("lines", stream, tell).unwrap();
        itself.set(lines.clone()).unwrap();
        (lines, allow, taken)
    }

    fn text(taken: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(taken.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn lines_are_written_whole_and_in_order_however_little_the_stream_takes() {
        let (lines, allow, taken) = scripted();
        for outcome in [3, 0, 1] {
            allow.send(Ok(outcome)).unwrap();
        }
        for kind in [ErrorKind::Interrupted, ErrorKind::WouldBlock, ErrorKind::BrokenPipe] {
            allow.send(Err(kind.into())).unwrap();
        }
        allow.send(Err(ErrorKind::StorageFull.into())).unwrap();
        drop(allow);
        let written = (0..500).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
        for line in written.split_inclusive('\n') {
            lines.put(line.as_bytes());
        }
        lines.flush(LIMIT);
        assert_eq!(text(&taken), written);
        assert_eq!(lines.lost(), 0);
    }

    #[test]
    fn lines_that_nobody_takes_are_kept_up_to_a_number_and_the_others_counted_and_told_of_once() {
        let (lines, allow, taken) = scripted();
        lines.put(b"first\n");
        // The line is being written, and no longer in the queue.
        while !lines.queue().is_writing {
            thread::yield_now();
        }
        for n in 0..MOST_LINES + 7 {
            lines.put(format!("{n}\n").as_bytes());
        }
        assert_eq!(lines.lost(), 7);
        drop(allow);
        lines.flush(LIMIT);
        let kept = (0..MOST_LINES).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
        assert_eq!(text(&taken), format!("first\n{kept}7 lost\n"));
        assert_eq!(lines.lost(), 7);
    }

    #[test]
    fn lines_that_nobody_takes_are_kept_up_to_so_many_bytes() {
        let (lines, allow, taken) = scripted();
        lines.put(b"first\n");
        while !lines.queue().is_writing {
            thread::yield_now();
        }
        let half = vec![b'x'; MOST_BYTES / 2];
        for line in [&half[..], &half, b"x", &vec![b'x'; MOST_BYTES + 1]] {
            lines.put(line);
        }
        assert_eq!(lines.lost(), 2);
        assert_eq!(lines.queue().bytes, MOST_BYTES);
        drop(allow);
        lines.flush(LIMIT);
        let expected = "first\n".len() + MOST_BYTES + "2 lost\n".len();
        assert_eq!(taken.lock().unwrap().len(), expected);
    }

    #[test]
    fn a_line_that_is_too_long_for_any_queue_is_told_of_at_once() {
        let (lines, allow, taken) = scripted();
        drop(allow);
        lines.put(&vec![b'x'; MOST_BYTES + 1]);
        lines.flush(LIMIT);
        assert_eq!(text(&taken), "1 lost\n");
    }

    #[test]
    fn a_stream_that_takes_nothing_does_not_hold_up_the_end() {
        let (lines, _allow, taken) = scripted();
        lines.put(b"never\n");
        lines.flush(Duration::from_millis(1));
        assert_eq!(text(&taken), "");
    }

    #[test]
    fn as_many_lines_are_written_at_once_as_nobody_can_come_between() {
        let mut queue = Queue::default();
        let long = vec![b'x'; 3 * ATOMIC];
        for line in [&[b'a'; 3_000][..], &[b'b'; 1_000], &[b'c'; 97], &long, b"d"] {
            queue.put(line);
        }
        let mut lengths = Vec::new();
        while !queue.waiting.is_empty() {
            let mut chunk = Vec::new();
            queue.take(&mut chunk);
            lengths.push(chunk.len());
        }
        assert_eq!(lengths, [4_000, 97, 3 * ATOMIC, 1]);
        assert_eq!(queue.bytes, 0);
    }
}
