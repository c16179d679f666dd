//! Machine and versions behind the figures.

use std::fs;
use std::process::Command;

/// Name and value of everything that the figures depend on; `postgres` is the version of the servers' PostgreSQL.
pub fn describe(postgres: String) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = first_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let memory = first_of("/proc/meminfo", "MemTotal").unwrap_or_else(|| "unknown".to_owned());
    vec![
        (
            "Keyfold",
            format!(
                "{} ({})",
                env!("CARGO_PKG_VERSION"),
                run("git", &["describe", "--always", "--dirty"])
            ),
        ),
        ("processor", format!("{cores} × {model}")),
        ("memory", memory),
        ("kernel", run("uname", &["-sr"])),
        ("PostgreSQL", postgres),
        ("Rust", run("rustc", &["--version"])),
        ("load generator", run("wrk", &["--version"])),
    ]
}

fn first_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// First line of a command's output; `unknown` if the command fails.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}
