//! The server under attack, restarted if an attack needs another configuration or the server does not recover.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;

use crate::attack::Setting;
use crate::processes::free_port;
use crate::processor::{megabytes, resident_megabytes};
use crate::server::Server;
use crate::stage::Target;

/// Environment variable that names another program to attack than this build, to compare the two.
const BINARY: &str = "HOSTILE_BINARY";
/// Memory limit of the server.
const MEMORY: (&str, &str) = ("KEYFOLD_MEMORY", "400MB");
/// Name of the data directory.
const NAME: &str = "hostile";

/// A program to attack.
#[derive(Debug, Clone)]
pub struct Program {
    /// Path of the program.
    pub path: PathBuf,
    /// True if the program is not this build.
    pub is_foreign: bool,
    /// True if the program knows the memory limit.
    pub knows_memory: bool,
}

/// A running server and its configuration.
#[derive(Debug)]
pub struct World {
    program: Program,
    setting: Setting,
    /// Fixed port, so that clients need no new address after a restart.
    port: u16,
    server: Server,
}

impl Program {
    /// Chooses this build, or the program named by the environment.
    ///
    /// # Errors
    ///
    /// If the program does not run.
    pub async fn chosen() -> anyhow::Result<Self> {
        let named: Option<OsString> = std::env::var_os(BINARY).filter(|name| !name.is_empty());
        let is_foreign = named.is_some();
        let path =
            named.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_keyfold")), PathBuf::from);
        let help = Command::new(&path).arg("--help").output().await;
        let help = help.with_context(|| format!("{} does not run", path.display()))?;
        let knows_memory = String::from_utf8_lossy(&help.stdout).contains(MEMORY.0);
        Ok(Self { path, is_foreign, knows_memory })
    }

    async fn start(&self, setting: Setting, port: u16) -> anyhow::Result<Server> {
        let listen = format!("127.0.0.1:{port}");
        let mut variables = vec![("KEYFOLD_LISTEN", listen.as_str())];
        if self.knows_memory {
            variables.push(MEMORY);
        }
        let command = match setting {
            Setting::Plain => Command::new(&self.path),
            Setting::FewDescriptors => {
                let mut command = Command::new("/bin/sh");
                command.args(["-c", "ulimit -S -n 256 && exec \"$0\""]).arg(&self.path);
                command
            }
        };
        Server::start_program(NAME, command, &variables).await
    }
}

impl World {
    /// Starts a plain server.
    ///
    /// # Errors
    ///
    /// If the server does not start.
    pub async fn begin(program: Program) -> anyhow::Result<Self> {
        let port = free_port()?;
        let server = program.start(Setting::Plain, port).await?;
        Ok(Self { program, setting: Setting::Plain, port, server })
    }

    /// Target description for attackers.
    pub fn target(&self) -> Target {
        Target {
            url: self.server.url.clone(),
            data: self.server.data().to_owned(),
            program: self.program.path.clone(),
        }
    }

    /// Version of PostgreSQL under the server.
    ///
    /// # Errors
    ///
    /// If the database cannot be queried.
    pub async fn postgres_version(&self) -> anyhow::Result<String> {
        let link = self.server.database().await?.connect().await?;
        Ok(link.client.query_one("show server_version", &[]).await?.get(0))
    }

    /// Process id of the server.
    pub fn process(&self) -> u32 {
        self.server.process()
    }

    /// Configuration that the server was started with.
    pub fn setting(&self) -> Setting {
        self.setting
    }

    /// Returns true if the process has ended by itself.
    ///
    /// # Errors
    ///
    /// If the operating system does not provide the information.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        self.server.has_ended()
    }

    /// Resets the peak memory of the server.
    ///
    /// # Errors
    ///
    /// If the kernel denies it to this program.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        let file = format!("/proc/{}/clear_refs", self.process());
        std::fs::write(file, "5").context("the peak of the memory cannot be reset")
    }

    /// Peak memory since the reset in megabytes; infinite if the server has ended.
    pub fn peak(&self) -> f64 {
        megabytes(self.process(), "VmHWM:").unwrap_or(f64::INFINITY)
    }

    /// Resident memory in megabytes; infinite if the server has ended.
    pub fn resident(&self) -> f64 {
        resident_megabytes(self.process()).unwrap_or(f64::INFINITY)
    }

    /// Restarts the server on its data, killing it if it does not stop.
    ///
    /// # Errors
    ///
    /// If the server does not start.
    pub async fn restart(&mut self, setting: Setting) -> anyhow::Result<()> {
        self.server.end(Duration::from_secs(5)).await?;
        self.server = self.program.start(setting, self.port).await?;
        self.setting = setting;
        Ok(())
    }

    /// Stops the server.
    ///
    /// # Errors
    ///
    /// If the process cannot be signalled or waited for.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.server.end(Duration::from_secs(40)).await
    }
}
