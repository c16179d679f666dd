//! The process that attacks: this program once more, so that its share of the processor is known and the honest clients have
//! theirs to themselves.
//!
//! It says `ready`, is told `go` and `stop` as often as wanted, and tells after each `stop` what came of it. When its input
//! closes it ends, and with it every connection it has.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::attack::{self, Attack};
use crate::print;
use crate::stage::{Stage, Target};

/// What this program is called with to attack.
pub const ATTACK: &str = "--attack";
/// How long an attack may take to be made ready.
const PREPARATION: Duration = Duration::from_mins(2);
/// How long it may take to stop.
const STOPPING: Duration = Duration::from_secs(10);

/// Plays the attack of this name as it is told.
///
/// # Errors
///
/// When it cannot be made ready.
pub async fn play(name: &str, target: &str) -> anyhow::Result<()> {
    let target: Target = serde_json::from_str(target)?;
    let attack = attack::all().into_iter().find(|attack| attack.name == name);
    let attack = attack.with_context(|| format!("there is no attack {name}"))?;
    let stage = Stage::new(target)?;
    let play = (attack.prepare)(stage.clone()).await?;
    print("ready\n")?;
    let mut told = told();
    // The first word of each pair is `go`, the second `stop`.
    while told.recv().await.is_some() {
        tokio::select! {
            () = play() => drop(told.recv().await),
            _ = told.recv() => {}
        }
        print(&format!("{}\n", stage.account()))?;
    }
    Ok(())
}

/// What is told on the standard input, line by line until it closes.
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

/// The process, from the other side.
#[derive(Debug)]
pub struct Player {
    child: Child,
    tell: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Player {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it does not come to be.
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

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Begins.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub async fn go(&mut self) -> anyhow::Result<()> {
        Ok(self.tell.write_all(b"go\n").await?)
    }

    /// Stops it; returns what came of it since it was made ready.
    ///
    /// # Errors
    ///
    /// When it has ended or does not stop.
    pub async fn stop(&mut self) -> anyhow::Result<String> {
        self.tell.write_all(b"stop\n").await?;
        let said = tokio::time::timeout(STOPPING, self.said.next_line()).await;
        said.context("it does not stop")??.context("it has ended")
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the attacker cannot be ended")
    }
}
