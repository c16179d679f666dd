//! The real binary: run to its end, or as a server that is stopped or killed.
//!
//! It gets an environment of its own, so nothing of the developer's reaches it, and it ends with its test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use keyfold::postgres::Connection;
use keyfold::postgres::private_cluster::{ClusterConfig, PrivateCluster};
use reqwest::Method;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

use crate::support::app::TestRequest;
use crate::support::postgres;

/// Timeout for anything that is sure to happen: long enough to create clusters and generate keys on a busy machine.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Public URL of servers that restart, the same on every port.
pub const PUBLIC_URL: &str = "http://keyfold.test";

/// The binary and its environment.
#[derive(Debug, Clone)]
pub struct Keyfold {
    variables: BTreeMap<String, String>,
    /// Limit of file descriptors, an argument of `ulimit`.
    descriptors: Option<String>,
    /// Program and arguments that start the binary; empty to start it directly.
    starter: Vec<String>,
    /// Copy of the binary to run instead of Cargo's.
    program: Option<PathBuf>,
}

impl Keyfold {
    /// Minimal configuration: any free port, and not every connection of the cluster that tests share.
    pub fn new() -> Self {
        let (variables, starter) = (BTreeMap::new(), Vec::new());
        let none = Self { variables, descriptors: None, starter, program: None };
        none.set("KEYFOLD_LISTEN", "127.0.0.1:0")
            .set("KEYFOLD_METRICS_LISTEN", "127.0.0.1:0")
            .set("KEYFOLD_DATABASE_POOL", "4")
    }

    /// Server with a private cluster in a data directory.
    pub fn in_directory(data: &DataDirectory) -> Self {
        Self::new().set("KEYFOLD_DATA", data.path().to_str().unwrap())
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the limit of file descriptors, in the notation of `ulimit`.
    pub fn with_descriptors(mut self, limit: &str) -> Self {
        self.descriptors = Some(limit.to_owned());
        self
    }

    /// Starts the binary through a program that replaces itself by it, such as `ip netns exec`.
    pub fn started_by(mut self, starter: &[&str]) -> Self {
        self.starter = starter.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Runs another copy of the binary.
    pub fn at(mut self, program: PathBuf) -> Self {
        self.program = Some(program);
        self
    }

    fn command(&self) -> Command {
        let binary = self.program.as_deref();
        let binary = binary.unwrap_or_else(|| Path::new(env!("CARGO_BIN_EXE_keyfold")));
        if let [starter, arguments @ ..] = &self.starter[..] {
            let mut command = Command::new(starter);
            command.args(arguments).arg(binary);
            return command;
        }
        let Some(limit) = &self.descriptors else { return Command::new(binary) };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("ulimit {limit}; exec \"$0\" \"$@\"")]).arg(binary);
        command
    }

    /// Starts the binary.
    pub fn spawn(&self, arguments: &[&str]) -> Process {
        let mut command = self.command();
        command.args(arguments);
        self.spawn_as(command)
    }

    fn spawn_as(&self, mut command: Command) -> Process {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.start(command);
        let out = Text::read(child.stdout.take().unwrap());
        let err = Text::read(child.stderr.take().unwrap());
        Process { child, out, err }
    }

    /// Starts a command in the environment of the binary.
    pub fn start(&self, mut command: Command) -> Child {
        command.env_clear().envs(&self.variables);
        // PostgreSQL may be on it.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // The data directory's default is relative: nothing may land in the sources.
        command.current_dir(env!("CARGO_TARGET_TMPDIR")).kill_on_drop(true);
        command.stdin(Stdio::null()).spawn().unwrap()
    }

    /// Runs the binary to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.spawn(arguments).ended().await
    }

    /// Runs the binary to its end on a terminal, which captures both outputs.
    pub async fn on_terminal(&self, arguments: &[&str]) -> Ended {
        let line = [&[env!("CARGO_BIN_EXE_keyfold")], arguments].concat().join(" ");
        // `script` of util-linux and of BSD take their command differently.
        let script: &[&str] = if cfg!(target_os = "linux") {
            &["--quiet", "--return", "--command", &line, "/dev/null"]
        } else {
            &["-q", "/dev/null", "/bin/sh", "-c", &line]
        };
        let mut command = Command::new("script");
        command.args(script);
        let variables = self.clone().set("TERM", "xterm");
        variables.spawn_as(command).ended().await
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub async fn print(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    }

    /// Starts a server and waits until it serves.
    pub async fn serve(&self) -> Server {
        let mut process = self.spawn(&[]);
        let log = process.err.say("listening address=").await;
        let announced = process.out.say("Press Ctrl-C to stop.").await;
        let (_, rest) = log.split_once("listening address=").unwrap();
        let url = format!("http://{}", rest.split_whitespace().next().unwrap());
        let (_, metrics) = announced.split_once("  Metrics       ").unwrap();
        let metrics = metrics.lines().next().unwrap().to_owned();
        Server { process, url, metrics }
    }
}

/// The running binary.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Standard output so far.
    pub out: Text,
    /// Standard error so far.
    pub err: Text,
}

impl Process {
    /// Sends a signal by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        signal(name, &[self.pid()]);
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until the process has ended.
    pub async fn ended(mut self) -> Ended {
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("still running: {self:?}")).unwrap();
        Ended { code: status.code(), out: self.out.whole().await, err: self.err.whole().await }
    }
}

/// Result of a run of the binary.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Output of a process, collected as it arrives.
#[derive(Debug)]
pub struct Text {
    so_far: watch::Receiver<String>,
    reader: JoinSet<()>,
}

impl Text {
    fn read(mut pipe: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (sender, so_far) = watch::channel(String::new());
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut bytes).await {
                let text = String::from_utf8_lossy(&bytes[..length]);
                sender.send_modify(|so_far| so_far.push_str(&text));
            }
        });
        Self { so_far, reader }
    }

    /// Everything up to now.
    pub fn so_far(&self) -> String {
        self.so_far.borrow().clone()
    }

    /// Waits until a text has been written, up to the end of its line, and returns everything up to now.
    pub async fn say(&mut self, text: &str) -> String {
        let is_said = |so_far: &String| {
            so_far.split_once(text).is_some_and(|(_, after)| after.contains('\n'))
        };
        let waiting = async { self.so_far.wait_for(is_said).await.is_ok() };
        let is_said = tokio::time::timeout(LIMIT, waiting).await.unwrap_or(false);
        let so_far = self.so_far.borrow().clone();
        assert!(is_said, "{text:?} is missing in:\n{so_far}");
        so_far
    }

    async fn whole(mut self) -> String {
        while self.reader.join_next().await.is_some() {}
        self.so_far.borrow().clone()
    }
}

/// A server that serves.
#[derive(Debug)]
pub struct Server {
    pub process: Process,
    /// `http://127.0.0.1:PORT`, whatever its public URL is.
    pub url: String,
    /// URL of its metrics, as it announces it.
    pub metrics: String,
}

impl Server {
    pub fn get(&self, path: &str) -> TestRequest {
        TestRequest::new(Method::GET, &self.url, path)
    }

    pub fn post(&self, path: &str) -> TestRequest {
        TestRequest::new(Method::POST, &self.url, path)
    }

    /// The JWKS as text.
    pub async fn jwks(&self) -> String {
        let reply = self.get("/.well-known/jwks.json").send().await;
        reply.expect(200);
        reply.text
    }

    /// Stops the server with `SIGTERM`, as an operator would.
    pub async fn stop(self) {
        self.process.signal("TERM");
        let ended = self.process.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    /// Kills the server with `SIGKILL`.
    pub async fn kill(self) {
        self.process.signal("KILL");
        assert_eq!(self.process.ended().await.code, None);
    }
}

/// A data directory of one test's own, removed when the test ends.
#[derive(Debug)]
pub struct DataDirectory {
    parent: PathBuf,
}

impl DataDirectory {
    pub fn new(name: &str) -> Self {
        Self { parent: postgres::new_directory(name) }
    }

    /// Path of the directory, which the first server creates.
    pub fn path(&self) -> PathBuf {
        self.parent.join("data")
    }

    /// The files of the private cluster.
    pub fn cluster(&self) -> PathBuf {
        self.path().join("postgres")
    }

    /// The process id of the cluster's PostgreSQL, while its file is there.
    pub fn postmaster(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.cluster().join("postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    /// A way to the database of the server that runs on it.
    pub async fn connection(&self) -> Connection {
        let config = ClusterConfig { data: self.path(), binaries: None, run_as: None, sessions: 0 };
        PrivateCluster::join_or_start(&config).await.unwrap().connection()
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        // As root the cluster may be elsewhere, behind a link.
        if let Ok(cluster) = std::fs::canonicalize(self.cluster()) {
            let _ = std::fs::remove_dir_all(cluster);
        }
        let _ = std::fs::remove_dir_all(&self.parent);
    }
}

/// A database to be given by its URL: a new schema of the cluster that tests share.
#[derive(Debug)]
pub struct ExternalDatabase {
    pub connection: Connection,
    pub url: String,
}

impl ExternalDatabase {
    pub async fn new() -> Self {
        let connection = postgres::new_schema().await;
        let url = Self::url_of(&connection).await;
        Self { connection, url }
    }

    async fn url_of(connection: &Connection) -> String {
        let link = connection.connect().await.unwrap();
        let session = "select current_setting('unix_socket_directories'), current_user::text, \
                       current_database()::text, current_schema()::text";
        let row = link.client.query_one(session, &[]).await.unwrap();
        let [socket, user, database, schema] =
            [0, 1, 2, 3].map(|column| row.get::<_, &str>(column));
        let mut url = Url::parse(&format!("postgres:///{database}")).unwrap();
        url.query_pairs_mut()
            // The setting is a quoted list with one item.
            .append_pair("host", socket.trim_matches('"'))
            .append_pair("user", user)
            .append_pair("options", &format!("-csearch_path={schema}"));
        url.into()
    }

    /// The binary configured for this database, with a secret.
    pub fn keyfold(&self, secret: &str) -> Keyfold {
        Keyfold::new().set("DATABASE_URL", &self.url).set("KEYFOLD_SECRET", secret)
    }
}

/// Every row of some tables as text, in order.
pub async fn dump(connection: &Connection, tables: &[&str]) -> Vec<String> {
    let link = connection.connect().await.unwrap();
    let mut dumps = Vec::new();
    for table in tables {
        let rows = format!(
            "select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from {table} t"
        );
        dumps.push(link.client.query_one(&rows, &[]).await.unwrap().get(0));
    }
    dumps
}

/// Sends a signal to processes, all at once.
pub fn signal(name: &str, pids: &[u32]) {
    let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
    // The shell's own `kill`: the program is not installed everywhere.
    let kill = format!("kill -s {name} {}", pids.join(" "));
    let status = std::process::Command::new("/bin/sh").args(["-c", &kill]).status().unwrap();
    assert!(status.success(), "{kill}");
}

/// Polls a condition until it holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    let asking = async {
        while !holds().await {
            pace.tick().await;
        }
    };
    tokio::time::timeout(LIMIT, asking).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// The permission bits of a file or directory.
pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
