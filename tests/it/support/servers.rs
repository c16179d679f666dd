//! PostgreSQL servers of a test's own: of any version that `make test` installs, with any setting, reached by TCP.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use keyfold::postgres::private_cluster::programs;
use keyfold::postgres::{Connection, Link};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::support::app::SECRET;
use crate::support::process::{Keyfold, PUBLIC_URL, signal, until};
use crate::tidy::root;

/// The directory with the programs of a major version that `make test` has installed.
///
/// They are used from a copy where every user can reach them, and where the packages' links are made, which npm leaves out.
pub fn binaries(major: u32) -> PathBuf {
    static COPYING: Mutex<()> = Mutex::new(());
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let package =
        root().join(format!("tests/postgres/node_modules/postgres-{major}-linux-{machine}"));
    let manifest = fs::read_to_string(package.join("package.json"));
    let manifest = manifest.unwrap_or_else(|_| panic!("`make test` installs PostgreSQL {major}"));
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let version = manifest["version"].as_str().unwrap();
    let place = std::env::temp_dir().join(format!("keyfold-test-postgres-{version}"));
    let _turn = COPYING.lock().unwrap();
    if !place.exists() {
        let draft = place.with_extension(std::process::id().to_string());
        let _ = fs::remove_dir_all(&draft);
        copy(&package.join("native"), &draft);
        let links = fs::read_to_string(package.join("native/pg-symlinks.json")).unwrap();
        let links: Value = serde_json::from_str(&links).unwrap();
        for link in links.as_array().unwrap() {
            let [source, target] = ["source", "target"]
                .map(|end| link[end].as_str().unwrap().strip_prefix("native/").unwrap());
            symlink(Path::new(source).file_name().unwrap(), draft.join(target)).unwrap();
        }
        // Another run may have been faster.
        let _ = fs::rename(&draft, &place);
    }
    place.join("bin")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// An unprivileged user and its group, for programs that refuse to run as root; none if this process is not root.
pub fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::getuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).expect("an unprivileged user"))
}

/// A server that ends with its test.
pub struct Postgres {
    binaries: PathBuf,
    directory: PathBuf,
    process: Child,
    address: String,
    port: u16,
}

impl Postgres {
    /// The system's version, on the loopback interface.
    pub async fn start(settings: &str) -> Self {
        Self::of(&programs().unwrap(), "127.0.0.1", settings).await
    }

    /// A server of these programs at an address, with lines of `postgresql.conf`. Every client that reaches the address is
    /// trusted.
    pub async fn of(binaries: &Path, address: &str, settings: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("kf-postgres-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).unwrap();
        if let Some((user, group)) = unprivileged() {
            chown(&directory, Some(user), Some(group)).unwrap();
        }
        let data = directory.join("data");
        let mut initdb = command(&binaries.join("initdb"));
        initdb.args([
            "--auth=trust",
            "--username=keyfold",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        let made = initdb.arg("--pgdata").arg(&data).output().await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port();
        let path = data.join("postgresql.conf");
        let text = fs::read_to_string(&path).unwrap();
        let own = format!(
            "listen_addresses = '{address}'\nport = {port}\nunix_socket_directories = ''\n"
        );
        fs::write(&path, format!("{text}\n{own}{settings}\n")).unwrap();
        let access = data.join("pg_hba.conf");
        fs::write(&access, "host all all 0.0.0.0/0 trust\n").unwrap();
        let process = run(binaries, &directory);
        let binaries = binaries.to_owned();
        let server = Self { binaries, directory, process, address: address.to_owned(), port };
        server.answers().await;
        server
    }

    async fn answers(&self) {
        until("PostgreSQL answers", async || self.connection().connect().await.is_ok()).await;
    }

    /// Stops it and starts it as a standby, which takes no writes until it is promoted.
    pub async fn demote(&mut self) {
        signal("INT", &[self.process.id().unwrap()]);
        self.process.wait().await.unwrap();
        fs::write(self.directory.join("data/standby.signal"), "").unwrap();
        self.process = run(&self.binaries, &self.directory);
        self.answers().await;
    }

    pub async fn promote(&self) {
        let promoted = "select pg_promote(wait => true)";
        let row = self.session().await.client.query_one(promoted, &[]).await.unwrap();
        assert!(row.get::<_, bool>(0), "it is promoted");
    }

    pub fn url(&self) -> String {
        format!("postgres://keyfold@{}:{}/postgres?sslmode=disable", self.address, self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn connection(&self) -> Connection {
        Connection::parse(&self.url()).unwrap()
    }

    pub async fn session(&self) -> Link {
        self.connection().connect().await.unwrap()
    }

    /// Changes a setting that does not need a restart.
    pub async fn alter(&self, change: &str) {
        let link = self.session().await;
        link.client.batch_execute(&format!("alter system {change}")).await.unwrap();
        link.client.batch_execute("select pg_reload_conf()").await.unwrap();
    }

    /// The binary configured for this server.
    pub fn keyfold(&self) -> Keyfold {
        Keyfold::new()
            .set("DATABASE_URL", &self.url())
            .set("KEYFOLD_SECRET", SECRET)
            .set("KEYFOLD_PUBLIC_URL", PUBLIC_URL)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // `SIGKILL` would leave its shared memory behind; `SIGQUIT` ends it at once.
        if let Some(pid) = self.process.id() {
            signal("QUIT", &[pid]);
        }
        let patience = Instant::now() + Duration::from_secs(10);
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < patience {
            std::thread::yield_now();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Starts the server of a directory, which says in `log` what it does.
fn run(binaries: &Path, directory: &Path) -> Child {
    let log = fs::File::options().append(true).create(true).open(directory.join("log")).unwrap();
    let mut server = command(&binaries.join("postgres"));
    server.arg("-D").arg(directory.join("data")).stdout(log.try_clone().unwrap()).stderr(log);
    server.spawn().unwrap()
}

/// A program that does not run as root.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
    if let Some((user, group)) = unprivileged() {
        command.gid(group).uid(user);
    }
    command
}
