//! nginx in front of the nodes: by consistent hash of the user id, and round-robin as the harder case.
//!
//! It runs from its own directory, as the user who runs this program.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, ensure};
use tokio::process::{Child, Command};

use crate::processes::{self, Lifeline, Signal};
use crate::until;

const TEMPLATE: &str = include_str!("nginx.conf");

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    lifeline: Arc<Lifeline>,
    /// Port whose requests go to the nodes in turn.
    pub in_turn: u16,
    /// Port whose requests go to a node by consistent hash of the user id.
    pub by_user: u16,
}

impl Nginx {
    /// Starts nginx in front of nodes at these ports.
    ///
    /// # Errors
    ///
    /// If nginx is not installed or rejects the configuration.
    pub async fn start(
        scratch: &Path,
        [in_turn, by_user]: [u16; 2],
        nodes: &[u16],
        lifeline: Arc<Lifeline>,
    ) -> anyhow::Result<Self> {
        let prefix = scratch.join("nginx");
        fs::create_dir_all(&prefix)?;
        let mut servers = String::new();
        for port in nodes {
            writeln!(servers, "        server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;")?;
        }
        let text = TEMPLATE
            .replace("@prefix@", &prefix.to_string_lossy())
            .replace("@servers@", servers.trim_end())
            .replace("@in_turn@", &in_turn.to_string())
            .replace("@by_user@", &by_user.to_string())
            .replace("@user@", &user().await?);
        let configuration = prefix.join("nginx.conf");
        fs::write(&configuration, text)?;
        let mut command = program();
        command.arg("-p").arg(&prefix).arg("-c").arg(&configuration);
        command.arg("-e").arg(prefix.join("error.log"));
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        let process = command.spawn().context("nginx does not run; `make chaos` installs it")?;
        lifeline.hold(&[process.id().context("nginx has ended")?])?;
        let nginx = Self { process, lifeline, in_turn, by_user };
        let address = format!("127.0.0.1:{in_turn}");
        until("nginx listens", async || Ok(tokio::net::TcpStream::connect(&address).await.is_ok()))
            .await?;
        Ok(nginx)
    }

    /// Stops nginx.
    ///
    /// # Errors
    ///
    /// If the process cannot be signalled.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(pid) = self.process.id() else { return Ok(()) };
        processes::signal(pid, Signal::TERM)?;
        self.process.wait().await?;
        self.lifeline.release(&[pid])
    }
}

/// Name of the current user. Started by root, nginx would switch to another user, who may have no access to its directory.
async fn user() -> anyhow::Result<String> {
    let output = Command::new("id").arg("-un").output().await?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(if name == "root" { "user root root;".to_owned() } else { String::new() })
}

/// The nginx program. Debian installs it outside the `PATH` of ordinary users.
fn program() -> Command {
    let beside = Path::new("/usr/sbin/nginx");
    Command::new(if beside.exists() { beside } else { Path::new("nginx") })
}

/// Version, as printed by nginx.
///
/// # Errors
///
/// If nginx is not installed.
pub async fn version() -> anyhow::Result<String> {
    let output = program().arg("-v").output().await.context("nginx does not run")?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure!(output.status.success(), "nginx does not say its version: {text}");
    Ok(text.trim_start_matches("nginx version: ").to_owned())
}
