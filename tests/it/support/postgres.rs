//! One private PostgreSQL cluster for the whole run, a schema per test.
//!
//! The cluster is the product's own: it ends with this process, whatever ends it. Clusters of earlier runs are removed as
//! soon as no process holds their lock.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, LazyLock};

use keyfold::base::clock::Clock;
use keyfold::base::id::Id;
use keyfold::capacity::budget::{Budget, Purpose};
use keyfold::eventlog::Projections;
use keyfold::eventlog::log::append::appender;
use keyfold::eventlog::model::term::Term;
use keyfold::eventlog::node_status::Writable;
use keyfold::postgres::private_cluster::{ClusterConfig, PrivateCluster};
use keyfold::postgres::{Connection, Pool};

use crate::support::process::until;

static CLUSTER: LazyLock<Connection> = LazyLock::new(start);

/// The cluster lives in a runtime of its own: it outlives the test that happened to start it.
fn start() -> Connection {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    remove_clusters_of_earlier_runs(directory);
    let data = data();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let config = ClusterConfig { data, binaries: None, run_as: None, sessions: 0 };
            let cluster = PrivateCluster::start(&config).await.expect("a private cluster starts");
            preload(&cluster.connection()).await;
            sender.send(cluster.connection()).unwrap();
            let ended = cluster.exited().await;
            eprintln!("the cluster of this test run ended: {ended}");
        });
    });
    receiver.recv().expect("a private cluster")
}

/// Loads the module that reports plans into every session, for the tests of plans. It is silent until a session enables it.
async fn preload(connection: &Connection) {
    let link = connection.connect().await.unwrap();
    let preload = "alter system set session_preload_libraries = 'auto_explain'";
    link.client.batch_execute(preload).await.unwrap();
    link.client.batch_execute("select pg_reload_conf()").await.unwrap();
    until("new sessions have it", async || {
        let next = connection.connect().await.unwrap();
        let shown = next.client.query_one("show session_preload_libraries", &[]).await.unwrap();
        shown.get::<_, &str>(0) == "auto_explain"
    })
    .await;
}

/// The data directory of the run's cluster.
fn data() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cluster-{}", std::process::id()))
}

/// Log of PostgreSQL so far, for every test of the run.
pub fn log() -> String {
    String::from_utf8_lossy(&fs::read(data().join("postgres.log")).unwrap()).into_owned()
}

fn remove_clusters_of_earlier_runs(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let clusters = entries.filter(|path| {
        path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("cluster-"))
    });
    for cluster in clusters.filter(|path| is_abandoned(path)) {
        // As root the files may be elsewhere, behind a link.
        if let Ok(files) = fs::read_link(cluster.join("postgres")) {
            let _ = fs::remove_dir_all(files);
        }
        let _ = fs::remove_dir_all(cluster);
    }
}

fn is_abandoned(cluster: &Path) -> bool {
    File::open(cluster.join("keyfold.lock")).map_or(true, |lock| lock.try_lock().is_ok())
}

/// Setup of a test's appender, with an unlimited budget of memory.
pub fn appender(pool: Pool, projections: Projections) -> appender::Setup {
    appender::Setup {
        pool,
        projections: Arc::new(projections),
        node: Id::<()>::generate(&Clock::system()).uuid(),
        budget: Budget::new(Purpose::Appends, usize::MAX, usize::MAX),
        timeout: appender::BATCH_TIMEOUT,
        term: Term::default(),
        writable: Writable::default(),
    }
}

/// A new, empty schema of the run's cluster.
pub async fn new_schema() -> Connection {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    // Starting the cluster blocks.
    let cluster = tokio::task::spawn_blocking(|| CLUSTER.clone()).await.unwrap();
    let link = cluster.connect().await.unwrap();
    link.client.batch_execute(&format!("create schema {name}")).await.unwrap();
    cluster.with_schema(&name)
}

/// Creates an empty directory for this test alone.
pub fn new_directory(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{name}-{}-{number}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}
