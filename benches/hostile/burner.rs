//! Harmless work: a given amount of processor time and nothing else.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::process::{Child, Command};

/// Argument that turns this program into a burner.
pub const BURN: &str = "--burn";
/// Interval after which a thread decides again between work and sleep.
const SLICE: Duration = Duration::from_millis(1);

/// Uses the time of `cores` cores, in as few threads as possible, until the process is killed. A thread that was denied its
/// share catches up.
///
/// # Errors
///
/// If `cores` is not a number, or a thread cannot be started.
pub fn burn(cores: &str) -> anyhow::Result<()> {
    let cores: f64 = cores.parse().context("a number of cores")?;
    let threads = cores.ceil().max(1.0);
    let share = cores / threads;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few cores")]
    let threads: Vec<_> =
        (0..threads as usize).map(|_| thread::spawn(move || burn_share(share))).collect();
    for thread in threads {
        let _ = thread.join();
    }
    Ok(())
}

fn burn_share(share: f64) {
    let begun = Instant::now();
    loop {
        if used_by_this_thread() < begun.elapsed().as_secs_f64() * share {
            let slice = Instant::now();
            while slice.elapsed() < SLICE {
                std::hint::spin_loop();
            }
        } else {
            thread::park_timeout(SLICE);
        }
    }
}

/// Processor time of this thread in seconds, from the kernel's counters; zero without them, so that the thread then burns a
/// whole core.
fn used_by_this_thread() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// Starts a burner process, which is killed on drop.
///
/// # Errors
///
/// If the process cannot be started.
pub fn start(cores: f64) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([BURN, &format!("{cores:.3}")]).stdin(Stdio::null()).kill_on_drop(true);
    Ok(command.spawn()?)
}
