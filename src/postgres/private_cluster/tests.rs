//! The private cluster against the real programs: every way of ending it, and starting again.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{ClusterConfig, ClusterError, PidFile, PrivateCluster, Tenure, place};
use crate::postgres::connect::connection::Connection;
use crate::postgres::pool::Pool;

/// Directory of one test, removed with its content when the test ends.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let temporary = fs::canonicalize(std::env::temp_dir()).unwrap();
        loop {
            let name =
                format!("kf-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = temporary.join(name);
            // The leftover directory of an earlier process with the same id is skipped.
            if DirBuilder::new().mode(0o711).create(&path).is_ok() {
                return Self(path);
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The cluster itself may be elsewhere, behind a link.
        if let Ok(cluster) = fs::canonicalize(self.0.join("data/postgres")) {
            fs::remove_dir_all(cluster).ok();
        }
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A cluster in a scratch directory.
pub(crate) fn config(scratch: &Scratch) -> ClusterConfig {
    ClusterConfig { data: scratch.path().join("data"), binaries: None, run_as: None, sessions: 0 }
}

pub(super) async fn remember(connection: &Connection, text: &str) {
    let link = connection.connect().await.unwrap();
    link.client.batch_execute("CREATE TABLE IF NOT EXISTS notes (note text)").await.unwrap();
    link.client.execute("INSERT INTO notes VALUES ($1)", &[&text]).await.unwrap();
}

pub(super) async fn remembered(connection: &Connection) -> Vec<String> {
    let link = connection.connect().await.unwrap();
    let rows = link.client.query("SELECT note FROM notes ORDER BY note", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn shown(connection: &Connection, setting: &str) -> String {
    let link = connection.connect().await.unwrap();
    link.client.query_one("SELECT current_setting($1)", &[&setting]).await.unwrap().get(0)
}

pub(super) fn kill(target: &str) {
    let status = Command::new("kill").args(["-9", "--", target]).status().unwrap();
    assert!(status.success());
}

pub(super) fn server_pid(config: &ClusterConfig) -> u32 {
    PidFile::read(&config.data.join("postgres")).unwrap().pid
}

pub(super) fn wrapper_pid(cluster: &PrivateCluster) -> u32 {
    match &cluster.tenure {
        Tenure::Owner { started, .. } => started.postmaster.wrapper().unwrap(),
        Tenure::Guest => panic!("the cluster belongs to another process"),
    }
}

#[tokio::test]
async fn a_committed_row_is_kept_over_stop_and_start() {
    let scratch = Scratch::new();
    let config = config(&scratch);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    remember(&cluster.connection(), "milk").await;
    cluster.stop().await.unwrap();
    assert!(PidFile::read(&config.data.join("postgres")).is_none());
    let cluster = PrivateCluster::start(&config).await.unwrap();
    assert_eq!(remembered(&cluster.connection()).await, ["milk"]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_cluster_is_durable_and_closed_to_everybody_else() {
    let scratch = Scratch::new();
    let config = config(&scratch);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    let connection = cluster.connection();
    for setting in
        ["fsync", "full_page_writes", "synchronous_commit", "data_checksums", "autovacuum"]
    {
        assert_eq!(shown(&connection, setting).await, "on", "{setting}");
    }
    assert_eq!(shown(&connection, "listen_addresses").await, "");
    assert_eq!(shown(&connection, "server_encoding").await, "UTF8");
    assert_eq!(shown(&connection, "unix_socket_permissions").await, "0700");
    let socket = PidFile::read(&config.data.join("postgres")).unwrap().socket.unwrap();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o700);
    let stranger = Connection::on_socket(&socket, "postgres", "keyfold").unwrap();
    assert!(stranger.connect().await.unwrap_err().refusal().is_some());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn sessions_are_bounded_named_and_work_in_their_schema() {
    let scratch = Scratch::new();
    let cluster = PrivateCluster::start(&config(&scratch)).await.unwrap();
    let connection = cluster.connection();
    assert_eq!(shown(&connection, "statement_timeout").await, "10s");
    assert_eq!(shown(&connection, "idle_in_transaction_session_timeout").await, "5s");
    assert_eq!(shown(&connection, "application_name").await, "keyfold");
    let own = connection.with_schema(r#"my "own" schema\"#);
    let link = connection.connect().await.unwrap();
    link.client.batch_execute(r#"CREATE SCHEMA "my ""own"" schema\""#).await.unwrap();
    remember(&own, "there").await;
    remember(&connection, "here").await;
    assert_eq!(remembered(&own).await, ["there"]);
    let pool = Pool::new(&own, "readers", 1).unwrap();
    let session = pool.get().await.unwrap();
    let exhausted = pool.get().await.unwrap_err().to_string();
    assert_eq!(exhausted, "the database is not available: every pooled connection is in use");
    let count: i64 = session.query_one("SELECT count(*) FROM notes", &[]).await.unwrap().get(0);
    assert_eq!(count, 1);
    drop(session);
    pool.close();
    assert!(pool.get().await.unwrap_err().to_string().ends_with("the connection pool is closed"));
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_link_delivers_notifications_and_closes_with_its_session() {
    let scratch = Scratch::new();
    let cluster = PrivateCluster::start(&config(&scratch)).await.unwrap();
    let mut listening = cluster.connection().connect().await.unwrap();
    listening.client.batch_execute("LISTEN news").await.unwrap();
    let other = cluster.connection().connect().await.unwrap();
    other.client.batch_execute("NOTIFY news, 'one'").await.unwrap();
    assert_eq!(listening.notifications.recv().await.unwrap().payload(), "one");
    cluster.stop().await.unwrap();
    assert!(listening.notifications.recv().await.is_none());
    assert!(listening.client.batch_execute("SELECT 1").await.is_err());
}

#[tokio::test]
async fn a_second_server_on_the_same_data_directory_is_refused_and_a_command_joins() {
    let scratch = Scratch::new();
    let config = config(&scratch);
    let cluster = PrivateCluster::join_or_start(&config).await.unwrap();
    let refused = PrivateCluster::start(&config).await.unwrap_err();
    assert!(
        matches!(refused, ClusterError::InUse { holder: Some(pid), .. } if pid == std::process::id())
    );
    let guest = PrivateCluster::join_or_start(&config).await.unwrap();
    remember(&guest.connection(), "from the command").await;
    guest.stop().await.unwrap();
    assert_eq!(remembered(&cluster.connection()).await, ["from the command"]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_postgresql_is_noticed_and_the_next_start_works() {
    let scratch = Scratch::new();
    let config = config(&scratch);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    remember(&cluster.connection(), "milk").await;
    kill(&server_pid(&config).to_string());
    let text = cluster.exited().await.to_string();
    assert!(text.contains("(signal 9)"), "{text}");
    drop(cluster);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    assert_eq!(remembered(&cluster.connection()).await, ["milk"]);
    // Now all of them at once.
    kill(&format!("-{}", wrapper_pid(&cluster)));
    cluster.exited().await;
    drop(cluster);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    assert_eq!(remembered(&cluster.connection()).await, ["milk"]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_server_ends_postgresql_and_the_next_start_waits_for_it() {
    let scratch = Scratch::new();
    let config = config(&scratch);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    remember(&cluster.connection(), "milk").await;
    let before = server_pid(&config);
    // The operating system does this for a killed process: its end of the pipe and its lock are gone.
    drop(cluster);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    assert_ne!(server_pid(&config), before);
    assert_eq!(remembered(&cluster.connection()).await, ["milk"]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_works() {
    let scratch = Scratch::new();
    let data = scratch.path().join("a long, \"odd\" name ".repeat(6)).join("data");
    let config = ClusterConfig { data, binaries: None, run_as: None, sessions: 0 };
    let cluster = PrivateCluster::start(&config).await.unwrap();
    remember(&cluster.connection(), "milk").await;
    let socket = PidFile::read(&config.data.join("postgres")).unwrap().socket.unwrap();
    assert!(!socket.starts_with(scratch.path()));
    cluster.stop().await.unwrap();
    fs::remove_dir_all(socket).unwrap();
}

#[tokio::test]
async fn a_data_directory_that_postgresqls_user_cannot_enter_works() {
    let scratch = Scratch::new();
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o700)).unwrap();
    let config = config(&scratch);
    let cluster = PrivateCluster::start(&config).await.unwrap();
    remember(&cluster.connection(), "milk").await;
    let Tenure::Owner { started, .. } = &cluster.tenure else { panic!("joined") };
    // Only a server that runs as root is divided; any other owns the directory itself.
    let is_elsewhere = started.directory.starts_with("/var/lib/keyfold");
    assert_eq!(is_elsewhere, started.identity.is_divided());
    assert_eq!(
        fs::canonicalize(place::entry(&config.data)).unwrap(),
        fs::canonicalize(&started.directory).unwrap()
    );
    assert_eq!(fs::metadata(scratch.path()).unwrap().permissions().mode() & 0o777, 0o700);
    cluster.stop().await.unwrap();
    let cluster = PrivateCluster::start(&config).await.unwrap();
    assert_eq!(remembered(&cluster.connection()).await, ["milk"]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn an_interrupted_initialisation_is_started_over() {
    let scratch = Scratch::new();
    let config = config(&scratch);
    let half = config.data.join("postgres.unfinished");
    fs::create_dir_all(half.join("base")).unwrap();
    fs::set_permissions(&config.data, Permissions::from_mode(0o711)).unwrap();
    PrivateCluster::start(&config).await.unwrap().stop().await.unwrap();
    assert!(!half.exists());
}

#[tokio::test]
async fn a_postgresql_that_cannot_start_says_why() {
    let scratch = Scratch::new();
    let config = config(&scratch);
    PrivateCluster::start(&config).await.unwrap().stop().await.unwrap();
    let settings = config.data.join("postgres/postgresql.auto.conf");
    fs::write(settings, "shared_buffers = 'plenty'\n").unwrap();
    let text = PrivateCluster::start(&config).await.unwrap_err().to_string();
    assert!(text.contains("(exit code 1)") && text.contains("shared_buffers"), "{text}");
}
