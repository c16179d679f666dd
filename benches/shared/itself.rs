//! Starts this program again as a child process that serves.

use std::ffi::OsStr;
use std::process::Stdio;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Starts the child with these arguments. Returns the process, which is killed on drop, and the URL that it prints.
///
/// # Errors
///
/// If the child does not start serving.
pub async fn serving<A: AsRef<OsStr>>(arguments: &[A]) -> anyhow::Result<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let out = child.stdout.take().context("it has no output")?;
    let url = BufReader::new(out).lines().next_line().await?;
    Ok((child, url.context("it does not serve")?))
}
