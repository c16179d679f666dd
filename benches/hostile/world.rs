//! The server under attack, started anew when it is not what an attack needs or does not recover.

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

/// Names another program to attack than the one that was built here, so that two can be compared.
const BINARY: &str = "HOSTILE_BINARY";
/// What the server may take.
const MEMORY: (&str, &str) = ("KEYFOLD_MEMORY", "400MB");
/// The data directory.
const NAME: &str = "hostile";

/// A program to attack.
#[derive(Debug, Clone)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is another one than the one built here.
    pub is_foreign: bool,
    /// Whether it knows a bound of its memory.
    pub knows_memory: bool,
}

/// A server and how it was started.
#[derive(Debug)]
pub struct World {
    program: Program,
    setting: Setting,
    /// The same after a restart, so that nobody has to look for it.
    port: u16,
    server: Server,
}

impl Program {
    /// The one that was built here, or the one that the environment names.
    ///
    /// # Errors
    ///
    /// When it does not run.
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
    /// When it does not start.
    pub async fn begin(program: Program) -> anyhow::Result<Self> {
        let port = free_port()?;
        let server = program.start(Setting::Plain, port).await?;
        Ok(Self { program, setting: Setting::Plain, port, server })
    }

    /// What attacks are told.
    pub fn target(&self) -> Target {
        Target {
            url: self.server.url.clone(),
            data: self.server.data().to_owned(),
            program: self.program.path.clone(),
        }
    }

    /// The version of its PostgreSQL.
    ///
    /// # Errors
    ///
    /// When it cannot be asked.
    pub async fn postgres_version(&self) -> anyhow::Result<String> {
        let link = self.server.database().await?.connect().await?;
        Ok(link.client.query_one("show server_version", &[]).await?.get(0))
    }

    /// The process of the server.
    pub fn process(&self) -> u32 {
        self.server.process()
    }

    /// How it was started.
    pub fn setting(&self) -> Setting {
        self.setting
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        self.server.has_ended()
    }

    /// Forgets how much memory the server has had at most.
    ///
    /// # Errors
    ///
    /// When the kernel does not let this program.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        let file = format!("/proc/{}/clear_refs", self.process());
        std::fs::write(file, "5").context("the peak of the memory cannot be reset")
    }

    /// The most memory that the server has had since, in megabytes; infinite when it has ended.
    pub fn peak(&self) -> f64 {
        megabytes(self.process(), "VmHWM:").unwrap_or(f64::INFINITY)
    }

    /// The memory that the server has now, in megabytes.
    pub fn resident(&self) -> f64 {
        resident_megabytes(self.process()).unwrap_or(f64::INFINITY)
    }

    /// Starts the server anew on the same data, killing it if it does not stop.
    ///
    /// # Errors
    ///
    /// When it does not start.
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
    /// When it cannot be told.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.server.end(Duration::from_secs(40)).await
    }
}
