//! Two PostgreSQL servers: a primary, and a synchronous standby that every commit waits for.
//!
//! After the loss of the primary the standby is promoted, and a new standby is made from it in place of the old primary.
//! Until that standby exists the new primary commits without waiting, as under fail-over managers; a run injects no fault
//! before commits wait again.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use keyfold::postgres::private_cluster::programs;
use keyfold::postgres::{Connection, Link};
use tokio::process::{Child, Command};

use crate::processes::{self, Lifeline, Signal};
use crate::until;

/// Role and database of the servers under test.
const NAME: &str = "keyfold";

/// Configuration of both servers.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = replica
synchronous_commit = on
wal_keep_size = 256MB
hot_standby = on
wal_retrieve_retry_interval = 200ms
include 'member.conf'
";

/// Host-based authentication: any local client with the password.
const ACCESS: &str = "\
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
";

/// Primary and standby, with one history.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    /// User and group that run the servers, if this program runs as root.
    owner: Option<(u32, u32)>,
    password: String,
    members: [Member; 2],
    primary: usize,
    lifeline: Arc<Lifeline>,
}

#[derive(Debug)]
struct Member {
    port: u16,
    data: PathBuf,
    log: PathBuf,
    process: Option<Child>,
    frozen: Vec<u32>,
}

/// Current role of one of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Accepts writes.
    Primary,
    /// Has every committed transaction.
    Standby,
}

impl Postgres {
    /// Creates and starts both servers in a directory.
    ///
    /// # Errors
    ///
    /// If one of the servers does not start.
    pub async fn start(
        scratch: &Path,
        logs: &Path,
        lifeline: Arc<Lifeline>,
    ) -> anyhow::Result<Self> {
        let member = |name: &str| -> anyhow::Result<Member> {
            Ok(Member {
                port: processes::free_port()?,
                data: scratch.join(name),
                log: logs.join(format!("{name}.log")),
                process: None,
                frozen: Vec::new(),
            })
        };
        let mut postgres = Self {
            programs: programs()?,
            owner: owner().await?,
            password: crate::fresh_name(),
            members: [member("postgres-a")?, member("postgres-b")?],
            primary: 0,
            lifeline,
        };
        postgres.make_primary(scratch).await?;
        postgres.make_standby().await?;
        Ok(postgres)
    }

    /// Connection string for the servers under test, with this `application_name`.
    pub fn url(&self, application: &str) -> String {
        let [a, b] = &self.members;
        format!(
            "postgres://{NAME}:{}@127.0.0.1:{},127.0.0.1:{}/{NAME}?target_session_attrs=read-write&application_name={application}",
            self.password, a.port, b.port
        )
    }

    /// Port of the server with this role.
    pub fn port(&self, role: Role) -> u16 {
        self.member(role).port
    }

    /// Opens a session on one server.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached.
    pub async fn session(&self, role: Role) -> anyhow::Result<Link> {
        self.connect(role, NAME).await
    }

    async fn connect(&self, role: Role, database: &str) -> anyhow::Result<Link> {
        let (port, password) = (self.member(role).port, &self.password);
        let url = format!(
            "postgres://{NAME}:{password}@127.0.0.1:{port}/{database}?application_name=chaos"
        );
        Ok(Connection::parse(&url)?.connect().await?)
    }

    /// Kills the primary and all its processes with SIGKILL.
    ///
    /// # Errors
    ///
    /// If the processes cannot be found.
    pub async fn kill_primary(&mut self) -> anyhow::Result<()> {
        self.kill(Role::Primary).await
    }

    /// Kills the former primary after the other server was promoted.
    ///
    /// # Errors
    ///
    /// If the processes cannot be found.
    pub async fn kill_former_primary(&mut self) -> anyhow::Result<()> {
        self.kill(Role::Standby).await
    }

    async fn kill(&mut self, role: Role) -> anyhow::Result<()> {
        // All processes are frozen before the first one is killed, as on a machine that loses power. A backend that sees its
        // postmaster die stops waiting for the standby and makes its commit visible for a moment (`SyncRepWaitForLSN`).
        self.freeze(role)?;
        let member = self.member_mut(role);
        let frozen = std::mem::take(&mut member.frozen);
        let mut process = member.process.take().context("it does not run")?;
        let pid = process.id().context("it has ended")?;
        let children = processes::children(pid)?;
        for pid in std::iter::once(pid).chain(children).chain(frozen) {
            processes::signal(pid, Signal::KILL)?;
            self.lifeline.release(&[pid])?;
        }
        process.wait().await?;
        Ok(())
    }

    /// Promotes the standby to primary.
    ///
    /// # Errors
    ///
    /// If the promotion fails.
    pub async fn promote(&mut self) -> anyhow::Result<()> {
        let link = self.session(Role::Standby).await?;
        let promoted: bool =
            link.client.query_one("select pg_promote(true, 10)", &[]).await?.get(0);
        ensure!(promoted, "the standby was not promoted");
        self.primary = 1 - self.primary;
        Ok(())
    }

    /// Creates a new standby in place of the former primary, and makes every commit of the primary wait for it.
    ///
    /// # Errors
    ///
    /// If the standby does not start replicating.
    pub async fn make_standby(&mut self) -> anyhow::Result<()> {
        let (primary, data) = (self.port(Role::Primary), self.member(Role::Standby).data.clone());
        self.empty(&data)?;
        let mut backup = self.program("pg_basebackup");
        backup.args(["--checkpoint=fast", "--wal-method=stream", "--no-sync"]);
        backup.arg("--pgdata").arg(&data).args(["--host=127.0.0.1", "--username", NAME]);
        backup.args(["--port", &primary.to_string()]).env("PGPASSWORD", &self.password);
        run(backup).await?;
        let follow = format!(
            "primary_conninfo = 'host=127.0.0.1 port={primary} user={NAME} password={} application_name=standby'\n",
            self.password
        );
        self.configure(Role::Standby, &follow)?;
        self.write(&data.join("standby.signal"), "")?;
        self.launch(Role::Standby).await?;
        self.configure(Role::Primary, "synchronous_standby_names = 'standby'\n")?;
        processes::signal(self.pid(Role::Primary)?, Signal::HUP)?;
        let link = self.session(Role::Primary).await?;
        let waits = "select exists (select from pg_stat_replication where sync_state = 'sync')";
        until("the standby follows", async || Ok(link.client.query_one(waits, &[]).await?.get(0)))
            .await
    }

    /// Freezes every process of a server.
    ///
    /// # Errors
    ///
    /// If the processes cannot be found.
    pub fn freeze(&mut self, role: Role) -> anyhow::Result<()> {
        let frozen = processes::freeze_family(self.pid(role)?)?;
        self.lifeline.hold(&frozen)?;
        self.member_mut(role).frozen = frozen;
        Ok(())
    }

    /// Resumes a frozen server.
    ///
    /// # Errors
    ///
    /// If its processes cannot be signalled.
    pub fn thaw(&mut self, role: Role) -> anyhow::Result<()> {
        let postmaster = self.pid(role)?;
        let frozen = std::mem::take(&mut self.member_mut(role).frozen);
        for pid in &frozen {
            processes::signal(*pid, Signal::CONT)?;
        }
        let backends: Vec<_> = frozen.into_iter().filter(|pid| *pid != postmaster).collect();
        self.lifeline.release(&backends)
    }

    /// Freezes one session of the primary.
    ///
    /// # Errors
    ///
    /// If the process cannot be signalled.
    pub fn freeze_session(&self, pid: u32) -> anyhow::Result<()> {
        self.lifeline.hold(&[pid])?;
        processes::signal(pid, Signal::STOP)
    }

    /// Resumes a frozen session.
    ///
    /// # Errors
    ///
    /// If the process cannot be signalled.
    pub fn thaw_session(&self, pid: u32) -> anyhow::Result<()> {
        processes::signal(pid, Signal::CONT)?;
        self.lifeline.release(&[pid])
    }

    /// Stops both servers.
    ///
    /// # Errors
    ///
    /// If a process cannot be signalled.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for member in &mut self.members {
            let Some(mut process) = member.process.take() else { continue };
            let Some(pid) = process.id() else { continue };
            processes::signal(pid, Signal::QUIT)?;
            process.wait().await?;
            self.lifeline.release(&[pid])?;
        }
        Ok(())
    }

    async fn make_primary(&mut self, scratch: &Path) -> anyhow::Result<()> {
        let data = self.member(Role::Primary).data.clone();
        self.empty(&data)?;
        let password = scratch.join("password");
        self.write(&password, &self.password)?;
        let mut initdb = self.program("initdb");
        initdb.args(["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-instructions"]);
        initdb.args(["--username", NAME]).arg("--pwfile").arg(&password).arg(&data);
        run(initdb).await?;
        let settings = data.join("postgresql.conf");
        let defaults = fs::read_to_string(&settings)?;
        self.write(&settings, &format!("{defaults}\n{SETTINGS}"))?;
        self.write(&data.join("pg_hba.conf"), ACCESS)?;
        self.configure(Role::Primary, "")?;
        self.launch(Role::Primary).await?;
        let link = self.connect(Role::Primary, "postgres").await?;
        Ok(link.client.batch_execute(&format!("create database {NAME}")).await?)
    }

    /// Starts a server and waits until it answers.
    async fn launch(&mut self, role: Role) -> anyhow::Result<()> {
        let mut command = self.program("postgres");
        let member = self.member_mut(role);
        command.arg("-D").arg(&member.data).process_group(0);
        command.stdout(log(&member.log)?).stderr(log(&member.log)?);
        let process = command.spawn()?;
        let pid = process.id().context("PostgreSQL has ended")?;
        member.process = Some(process);
        self.lifeline.hold(&[pid])?;
        until("PostgreSQL answers", async || Ok(self.connect(role, "postgres").await.is_ok())).await
    }

    fn configure(&self, role: Role, settings: &str) -> anyhow::Result<()> {
        let Member { port, data, .. } = self.member(role);
        self.write(&data.join("member.conf"), &format!("port = {port}\n{settings}"))
    }

    fn write(&self, path: &Path, text: &str) -> anyhow::Result<()> {
        fs::write(path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        self.give_away(path)
    }

    fn empty(&self, directory: &Path) -> anyhow::Result<()> {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir(directory)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
        self.give_away(directory)
    }

    fn give_away(&self, path: &Path) -> anyhow::Result<()> {
        let Some((user, group)) = self.owner else { return Ok(()) };
        Ok(chown(path, Some(user), Some(group))?)
    }

    /// Command for one of PostgreSQL's programs, run as the owner of the data.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.env_clear().env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command.kill_on_drop(true);
        command
    }

    fn pid(&self, role: Role) -> anyhow::Result<u32> {
        let process = self.member(role).process.as_ref();
        process.and_then(Child::id).with_context(|| format!("the {role:?} does not run"))
    }

    fn member(&self, role: Role) -> &Member {
        let [a, b] = &self.members;
        if (self.primary == 0) == (role == Role::Primary) { a } else { b }
    }

    fn member_mut(&mut self, role: Role) -> &mut Member {
        let [a, b] = &mut self.members;
        if (self.primary == 0) == (role == Role::Primary) { a } else { b }
    }
}

fn log(path: &Path) -> anyhow::Result<File> {
    Ok(File::options().create(true).append(true).open(path)?)
}

/// User and group for the servers. PostgreSQL refuses to run as root; the `postgres` user of its package is used then.
async fn owner() -> anyhow::Result<Option<(u32, u32)>> {
    if id(&["-u"]).await? != 0 {
        return Ok(None);
    }
    let missing = "running as root, PostgreSQL needs a user `postgres`";
    let user = id(&["-u", "postgres"]).await.context(missing)?;
    Ok(Some((user, id(&["-g", "postgres"]).await?)))
}

async fn id(arguments: &[&str]) -> anyhow::Result<u32> {
    let output = Command::new("id").args(arguments).output().await?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// Runs a command to its end and expects success.
async fn run(mut command: Command) -> anyhow::Result<()> {
    let output = tokio::time::timeout(Duration::from_mins(2), command.output()).await??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", command.as_std().get_program().display());
    Ok(())
}
