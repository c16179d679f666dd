//! The attacking process: this program started again, so that its processor time is known and separate from that of the
//! honest clients.
//!
//! It prints `ready`, then reads `go` and `stop` repeatedly, and prints the results after each `stop`. If its standard input
//! closes, the process ends and its connections with it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::attack::{self, Attack};
use crate::print;
use crate::stage::{Stage, Target};

/// Argument that turns this program into an attacker.
pub const ATTACK: &str = "--attack";
/// Longest preparation of an attack.
const PREPARATION: Duration = Duration::from_mins(2);
/// Longest time to stop an attack.
const STOPPING: Duration = Duration::from_secs(10);

/// Runs in the attacking process: plays the named attack as commanded on standard input.
///
/// # Errors
///
/// If the attack cannot be prepared.
pub async fn play(name: &str, target: &str) -> anyhow::Result<()> {
    let target: Target = serde_json::from_str(target)?;
    let attack = attack::all().into_iter().find(|attack| attack.name == name);
    let attack = attack.with_context(|| format!("there is no attack {name}"))?;
    let stage = Stage::new(target)?;
    let play = (attack.prepare)(stage.clone()).await?;
    print("ready\n")?;
    let mut told = told();
    // The first line of each pair is `go`, the second `stop`.
    while told.recv().await.is_some() {
        tokio::select! {
            () = play() => drop(told.recv().await),
            _ = told.recv() => {}
        }
        print(&format!("{}\n", stage.account()))?;
    }
    Ok(())
}

/// Lines of the standard input, until it closes.
fn told() -> UnboundedReceiver<String> {
    let (tell, told) = unbounded_channel();
    std::thread::spawn(move || {
        let lines = std::io::stdin().lines().map_while(Result::ok);
        for line in lines {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    told
}

/// Handle on the attacking process.
#[derive(Debug)]
pub struct Player {
    child: Child,
    tell: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Player {
    /// Starts the process and waits until the attack is prepared.
    ///
    /// # Errors
    ///
    /// If the attack does not become ready.
    pub async fn ready(attack: &Attack, target: &Target) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([ATTACK, attack.name, &serde_json::to_string(target)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let tell = child.stdin.take().context("it has no input")?;
        let out = child.stdout.take().context("it has no output")?;
        let mut player = Self { child, tell, said: BufReader::new(out).lines() };
        let ready = tokio::time::timeout(PREPARATION, player.said.next_line()).await;
        match ready.context("it is not made ready in time")?? {
            Some(line) if line == "ready" => Ok(player),
            _ => bail!("it could not be made ready"),
        }
    }

    /// Process id of the attacker.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Starts the attack.
    ///
    /// # Errors
    ///
    /// If the process has ended.
    pub async fn go(&mut self) -> anyhow::Result<()> {
        Ok(self.tell.write_all(b"go\n").await?)
    }

    /// Stops the attack; returns its results since it was prepared.
    ///
    /// # Errors
    ///
    /// If the process has ended or the attack does not stop.
    pub async fn stop(&mut self) -> anyhow::Result<String> {
        self.tell.write_all(b"stop\n").await?;
        let said = tokio::time::timeout(STOPPING, self.said.next_line()).await;
        said.context("it does not stop")??.context("it has ended")
    }

    /// Kills the process.
    ///
    /// # Errors
    ///
    /// If the process cannot be waited for.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the attacker cannot be ended")
    }
}
