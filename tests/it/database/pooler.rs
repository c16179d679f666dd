//! `PgBouncer` between the server and its database: what it must keep, and what is refused when it does not.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use keyfold::base::clock::Clock;
use keyfold::postgres::Connection;
use keyfold::postgres::private_cluster::{ClusterConfig, PrivateCluster};
use tokio::net::UnixStream;
use tokio::process::Child;

use crate::support::app::{START, TestApp};
use crate::support::postgres;
use crate::support::process::until;
use crate::support::tools::program;

/// A cluster of the test's own, with `PgBouncer` in front of it.
struct Pooled {
    cluster: PrivateCluster,
    directory: PathBuf,
    pooler: Child,
}

impl Pooled {
    async fn start(pool_mode: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("kf-pooler-{pool_mode}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).unwrap();
        let data = postgres::new_directory("pooled");
        let config =
            ClusterConfig { data: data.clone(), binaries: None, run_as: None, sessions: 0 };
        let cluster = PrivateCluster::start(&config).await.unwrap();
        let link = cluster.connection().connect().await.unwrap();
        let socket: String =
            link.client.query_one("show unix_socket_directories", &[]).await.unwrap().get(0);
        let socket = PathBuf::from(socket.trim_matches('"'));
        let user = let_in(&data.join("postgres"), &socket);
        link.client.batch_execute("select pg_reload_conf()").await.unwrap();
        let pooler = pooler(&directory, &socket, &user, pool_mode);
        let socket = directory.join(".s.PGSQL.6432");
        until("the pooler answers", async || UnixStream::connect(&socket).await.is_ok()).await;
        Self { cluster, directory, pooler }
    }

    fn connection(&self) -> Connection {
        let host = self.directory.display();
        Connection::parse(&format!("host={host} port=6432 user=keyfold dbname=keyfold")).unwrap()
    }

    async fn stop(mut self) {
        self.pooler.kill().await.unwrap();
        self.cluster.stop().await.unwrap();
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

/// Lets the user that PostgreSQL runs as into the cluster, as `PgBouncer` does not run as root; says who that is.
fn let_in(cluster: &Path, socket: &Path) -> String {
    let owner = fs::metadata(socket).unwrap().uid().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let name = |line: &&str| line.split(':').nth(2) == Some(owner.as_str());
    let user = users.lines().find(name).unwrap().split(':').next().unwrap().to_owned();
    let path = cluster.join("pg_ident.conf");
    let rules = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{rules}server {user} keyfold\n")).unwrap();
    user
}

fn pooler(directory: &Path, socket: &Path, user: &str, pool_mode: &str) -> Child {
    let configuration = directory.join("pgbouncer.ini");
    let (server, own) = (socket.display(), directory.display());
    let text = format!(
        "[databases]\nkeyfold = host={server} dbname=keyfold user=keyfold\n\
         [pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {own}\nauth_type = any\n\
         pool_mode = {pool_mode}\ndefault_pool_size = 50\n"
    );
    fs::write(&configuration, text).unwrap();
    fs::set_permissions(directory, Permissions::from_mode(0o777)).unwrap();
    let mut command = program("pgbouncer");
    command.arg("--quiet").arg(&configuration).kill_on_drop(true);
    if rustix::process::getuid().is_root() {
        command.args(["--user", user]);
    }
    command.spawn().expect("`make test` installs pgbouncer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_works_behind_a_pooler_that_lends_sessions_for_as_long_as_a_client_is_connected() {
    let pooled = Pooled::start("session").await;
    let mut app = TestApp::on(pooled.connection(), Clock::manual(START), |_| ()).await.unwrap();
    let ada = app.sign_up("ada@example.com").await;
    ada.create_task("Milk").await;
    let session = pooled.connection().connect().await.unwrap();
    for (name, holds) in [("statement_timeout", "10s"), ("enable_seqscan", "off")] {
        let shown = session.client.query_one(&format!("show {name}"), &[]).await.unwrap();
        assert_eq!(shown.get::<_, &str>(0), holds);
    }
    app.restart().await;
    assert_eq!(ada.at(&app.url()).titles().await, ["Milk"]);
    ada.at(&app.url()).sign_out().await.expect(200);
    app.get("/api/auth/session").bearer(&ada.token).send().await.expect(401);
    app.stop().await;
    pooled.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_lends_sessions_per_transaction_or_statement_is_refused_at_start() {
    for pool_mode in ["transaction", "statement"] {
        let pooled = Pooled::start(pool_mode).await;
        let refused = TestApp::on(pooled.connection(), Clock::manual(START), |_| ()).await;
        let why = refused.err().unwrap().to_string();
        assert!(why.contains("has to lend them for as long as"), "{pool_mode}: {why}");
        assert!(why.contains("PgBouncer: pool_mode = session"), "{pool_mode}: {why}");
        pooled.stop().await;
    }
}
