//! The whole: two databases, three nodes, nginx.

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

/// How many nodes there are.
pub const NODES: usize = 3;

/// A cluster that serves.
#[derive(Debug)]
pub struct Cluster {
    /// The databases.
    pub postgres: Postgres,
    /// The nodes.
    pub nodes: Vec<Node>,
    nginx: Nginx,
    lifeline: Arc<Lifeline>,
}

/// Where requests can go.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// nginx, to the nodes in turn.
    pub in_turn: String,
    /// nginx, the same user to the same node.
    pub by_user: String,
    /// The nodes themselves.
    pub nodes: Vec<String>,
}

/// Where the nodes and the databases write their logs, for a cluster to play with and for one that is tormented: neither
/// takes the other's away.
pub fn logs(purpose: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(purpose)
}

impl Cluster {
    /// Starts everything; nothing of it is left when this program ends. Clusters of several purposes may run beside each
    /// other.
    ///
    /// # Errors
    ///
    /// When a part does not come to work.
    pub async fn start(purpose: &str) -> anyhow::Result<Self> {
        let scratch =
            std::env::temp_dir().join(format!("keyfold-{purpose}-{}", std::process::id()));
        fs::create_dir(&scratch)?;
        // The user who runs PostgreSQL has to get through.
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

    /// Where requests can go.
    pub fn addresses(&self) -> Addresses {
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        Addresses {
            in_turn: at(self.nginx.in_turn),
            by_user: at(self.nginx.by_user),
            nodes: self.nodes.iter().map(|node| at(node.port)).collect(),
        }
    }

    /// Stops everything in order.
    ///
    /// # Errors
    ///
    /// When a part cannot be told.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.nginx.stop().await?;
        try_join_all(self.nodes.iter_mut().map(Node::stop)).await?;
        self.postgres.stop().await?;
        drop(self.lifeline);
        Ok(())
    }
}

/// What every node is told.
fn environment(database: &str, public: &str) -> Vec<(&'static str, String)> {
    let text = str::to_owned;
    vec![
        ("DATABASE_URL", text(database)),
        ("KEYFOLD_CLUSTER", text("true")),
        ("KEYFOLD_PUBLIC_URL", text(public)),
        ("KEYFOLD_SECRET", text("a secret of this machine's test cluster only")),
        // Snapshots are taken and read many times in a run.
        ("KEYFOLD_SNAPSHOT_EVERY", text("50")),
    ]
}
