//! The whole cluster: two databases, three nodes, nginx.

pub mod nginx;
pub mod node;
pub mod postgres;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::try_join_all;

use self::nginx::Nginx;
use self::node::Node;
use self::postgres::Postgres;
use crate::processes::{self, Lifeline};

/// Number of nodes.
pub const NODES: usize = 3;

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    /// Primary and standby.
    pub postgres: Postgres,
    /// Server processes, by index.
    pub nodes: Vec<Node>,
    nginx: Nginx,
    lifeline: Arc<Lifeline>,
}

/// Addresses that accept requests.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// nginx, nodes in turn.
    pub in_turn: String,
    /// nginx, node by consistent hash of the user id.
    pub by_user: String,
    /// Each node directly.
    pub nodes: Vec<String>,
}

/// Log directory of nodes and databases. `make cluster` and `make chaos` have separate ones, so that neither deletes the
/// other's logs.
pub fn logs(purpose: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(purpose)
}

impl Cluster {
    /// Starts all parts; none of them outlives this program. Clusters of different purposes can run at the same time.
    ///
    /// # Errors
    ///
    /// If a part does not start.
    pub async fn start(purpose: &str) -> anyhow::Result<Self> {
        let scratch =
            std::env::temp_dir().join(format!("keyfold-{purpose}-{}", std::process::id()));
        fs::create_dir(&scratch)?;
        // The system user that runs PostgreSQL needs access to the path.
        fs::set_permissions(&scratch, fs::Permissions::from_mode(0o711))?;
        let lifeline = Arc::new(Lifeline::new(&scratch)?);
        let logs = logs(purpose);
        let _ = fs::remove_dir_all(&logs);
        fs::create_dir_all(&logs)?;
        let postgres = Postgres::start(&scratch, &logs, Arc::clone(&lifeline)).await?;
        let doors = [processes::free_port()?, processes::free_port()?];
        let public = format!("http://127.0.0.1:{}", doors[0]);
        let mut nodes = Vec::new();
        for number in 1..=NODES {
            let name = format!("node-{number}");
            let environment = environment(&postgres.url(&name), &public);
            let port = processes::free_port()?;
            nodes.push(Node::new(name, port, &logs, environment, Arc::clone(&lifeline)));
        }
        for node in &mut nodes {
            node.start().await?;
        }
        let ports: Vec<_> = nodes.iter().map(|node| node.port).collect();
        let nginx = Nginx::start(&scratch, doors, &ports, Arc::clone(&lifeline)).await?;
        Ok(Self { postgres, nodes, nginx, lifeline })
    }

    /// Addresses of nginx and of the nodes.
    pub fn addresses(&self) -> Addresses {
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        Addresses {
            in_turn: at(self.nginx.in_turn),
            by_user: at(self.nginx.by_user),
            nodes: self.nodes.iter().map(|node| at(node.port)).collect(),
        }
    }

    /// Stops all parts in order.
    ///
    /// # Errors
    ///
    /// If a part cannot be signalled.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.nginx.stop().await?;
        try_join_all(self.nodes.iter_mut().map(Node::stop)).await?;
        self.postgres.stop().await?;
        drop(self.lifeline);
        Ok(())
    }
}

/// Environment variables of every node.
fn environment(database: &str, public: &str) -> Vec<(&'static str, String)> {
    let text = str::to_owned;
    vec![
        ("DATABASE_URL", text(database)),
        ("KEYFOLD_CLUSTER", text("true")),
        ("KEYFOLD_PUBLIC_URL", text(public)),
        ("KEYFOLD_SECRET", text("a secret of this machine's test cluster only")),
        // Small enough that snapshots are written and read many times in a run.
        ("KEYFOLD_SNAPSHOT_EVERY", text("50")),
    ]
}
