//! Standard error and standard output of a server: a reader that is slow or gone delays no request.
//!
//! Once they are [guarded](guard), every line of the process goes through a queue, those of panics too. Before that, and in
//! the operator's commands, which may wait for their reader, lines are written directly.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tracing::Level;

use super::lines::Lines;
use crate::telemetry::metrics::LOG_LINES_LOST;
use crate::telemetry::metrics::instrument::number;

/// Time limit for writing the queued lines at the end of the process.
const PATIENCE: Duration = Duration::from_secs(1);

static STREAMS: OnceLock<Streams> = OnceLock::new();

/// Queues of a server's two streams.
#[derive(Debug)]
struct Streams {
    /// Log lines and error messages.
    error: Lines,
    /// Output of the program itself.
    output: Lines,
}

/// Descriptor of a stream, without the standard library's lock and buffer, on which other threads would wait.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Error,
    Output,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let descriptor = match self {
            Self::Error => rustix::stdio::stderr(),
            Self::Output => rustix::stdio::stdout(),
        };
        Ok(rustix::io::write(descriptor, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Guards both streams: from now on no thread of this process waits for their readers.
///
/// # Errors
/// Fails if no threads can be started.
pub fn guard() -> io::Result<()> {
    let error = Lines::begin("standard-error", Stream::Error, tell)?;
    let output = Lines::begin("standard-output", Stream::Output, tell)?;
    // Guarding a process twice changes nothing.
    if STREAMS.set(Streams { error, output }).is_ok() {
        std::panic::set_hook(Box::new(tell_of_panic));
    }
    Ok(())
}

/// Prints output that was asked for; returns true if there is still a reader.
///
/// # Errors
/// Fails if standard output is not guarded and cannot be written. A reader that went away (`keyfold events | head`) is no
/// failure.
pub fn print(text: &str) -> io::Result<bool> {
    if let Some(streams) = STREAMS.get() {
        streams.output.put(text.as_bytes());
        return Ok(true);
    }
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Prints an error message on standard error, in a line of its own.
pub fn complain(text: &str) {
    let line = format!("{text}\n");
    match STREAMS.get() {
        Some(streams) => streams.error.put(line.as_bytes()),
        // There is no stream left on which to report the failure.
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// Waits a moment for the queued lines to be written. Call it last.
pub fn flush() {
    let end = Instant::now() + PATIENCE;
    for lines in STREAMS.get().into_iter().flat_map(|streams| [&streams.output, &streams.error]) {
        lines.flush(end.saturating_duration_since(Instant::now()));
    }
}

/// Queue of standard error, which log lines are written to, if it is guarded.
pub(crate) fn error() -> Option<Lines> {
    Some(STREAMS.get()?.error.clone())
}

/// Registers the metric of lost lines.
pub(crate) fn measure() {
    LOG_LINES_LOST.by(|observer| {
        let lost = |streams: &Streams| streams.error.lost() + streams.output.lost();
        observer.observe(number(STREAMS.get().map_or(0, lost)), &[]);
    });
}

/// Reports lost lines, at the highest level that they may have had.
fn tell(lines: u64) {
    tracing::error!(lines, "log lines were lost: standard error or output was not read in time");
}

/// Logs a panic like other events, with the trace it happened in.
fn tell_of_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let said = panic.payload_as_str().unwrap_or("something that is no text");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    if !tracing::enabled!(Level::ERROR) {
        return complain(&format!("thread '{thread}' panicked at {place}: {said:?}"));
    }
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        tracing::error!(thread, place, %backtrace, "panicked: {said}");
    } else {
        tracing::error!(thread, place, "panicked: {said}");
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The panic hook belongs to a process, so this test runs itself in one of its own.
    #[test]
    fn a_panic_in_any_thread_is_a_line_that_waits_for_no_reader() {
        const CHILD: &str = "KEYFOLD_TEST_PANICS";
        if let Some(said) = std::env::var_os(CHILD) {
            guard().unwrap();
            let thread = std::thread::Builder::new().name("worker".to_owned());
            let panics = thread.spawn(move || panic!("{}", said.display())).unwrap();
            assert!(panics.join().is_err());
            return flush();
        }
        let mut itself = Command::new(std::env::current_exe().unwrap());
        let name = "telemetry::log::stdio::tests::a_panic_in_any_thread_is_a_line_that_waits_for_no_reader";
        let itself = itself.args(["--exact", name, "--nocapture"]).env(CHILD, "a\nb");
        let ended = itself.output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        let told = String::from_utf8(ended.stderr).unwrap();
        let (place, said) = told.rsplit_once(": ").unwrap();
        assert!(
            place.starts_with("thread 'worker' panicked at src/telemetry/log/stdio.rs:"),
            "{told}"
        );
        assert_eq!(said, "\"a\\nb\"\n");
    }
}
