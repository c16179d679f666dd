//! Faults injected into the cluster under load.

mod frozen;
mod operators;
mod writer;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::clients::world::World;
use crate::cluster::Cluster;
use crate::cluster::postgres::Role;
use crate::probe::{Probe, Recovery};

/// Kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL of a node.
    KillNode,
    /// SIGKILL of the primary, and promotion of the standby.
    KillPrimary,
    /// A node is frozen for longer than any timeout of its own.
    Freeze,
    /// A node is frozen for moments.
    Blink,
    /// The session in which a node listens for notifications of the other nodes is terminated.
    Cut,
    /// The primary is frozen for a while.
    Stall,
    /// The standby is frozen for a while, which blocks every commit.
    StallStandby,
    /// The primary hangs for ever, and the standby is promoted.
    Hang,
    /// The statements that write the log are cancelled.
    Cancel,
    /// One list is written through every node at once.
    Conflict,
    /// A snapshot of the database stays open.
    Snapshot,
    /// The read models are rebuilt.
    Replay,
    /// A node is frozen for longer than any timeout in the system.
    LongFreeze,
    /// The session in which a node writes the log is frozen for longer than any timeout in the system.
    FrozenWriter,
}

/// Longer than the time limit of a batch plus the time its outcome may stay unknown, and than every timeout of a statement,
/// session or connection.
const LONG: Duration = Duration::from_secs(90);

/// Every kind of fault, by its name on the command line.
pub const FAULTS: [(&str, Fault); 14] = [
    ("kill-node", Fault::KillNode),
    ("kill-primary", Fault::KillPrimary),
    ("freeze", Fault::Freeze),
    ("blink", Fault::Blink),
    ("cut", Fault::Cut),
    ("stall", Fault::Stall),
    ("stall-standby", Fault::StallStandby),
    ("hang", Fault::Hang),
    ("cancel", Fault::Cancel),
    ("conflict", Fault::Conflict),
    ("snapshot", Fault::Snapshot),
    ("replay", Fault::Replay),
    ("long-freeze", Fault::LongFreeze),
    ("frozen-writer", Fault::FrozenWriter),
];

impl Fault {
    /// Returns true for a fault that takes so long that it gets its own cluster, in parallel with the others.
    pub fn is_long(self) -> bool {
        matches!(self, Self::LongFreeze | Self::FrozenWriter)
    }

    /// Text of the report: the fault, and the start of the recovery time.
    pub fn description(self) -> &'static str {
        match self {
            Self::KillNode => {
                "`kill -9` of a node, which is started again at once; counted from the kill"
            }
            Self::KillPrimary => {
                "`kill -9` of the PostgreSQL primary and all its processes, stopped before so that none sees another one die, \
                 then promotion of the standby; counted from the kill. A new standby is made afterwards, and commits wait for \
                 it again"
            }
            Self::Freeze => {
                "SIGSTOP of a node for 16 to 20 s, longer than any of its time-outs, while others change what it has in \
                 memory and sign out a session it knows; counted from SIGCONT"
            }
            Self::Blink => "the same for 0.2, 1 and 4 s in turn; counted from SIGCONT",
            Self::Cut => {
                "`pg_terminate_backend` of the session in which a node hears of changes; counted from that"
            }
            Self::Stall => {
                "SIGSTOP of every process of the primary for 2, 5 and 12 s in turn; counted from SIGCONT"
            }
            Self::StallStandby => {
                "SIGSTOP of every process of the standby for 3, 6 and 17 s in turn, so that every commit waits; counted \
                 from SIGCONT"
            }
            Self::Hang => {
                "SIGSTOP of every process of the primary, which never comes back: the standby is promoted 2 s later, and \
                 the frozen primary is killed only after service is back; counted from the promotion"
            }
            Self::Cancel => {
                "`pg_cancel_backend` of every statement that writes the log, twenty times, while one more list is written by \
                 four clients; counted from the first"
            }
            Self::Conflict => {
                "twelve clients change one task through three nodes at once for 3 s, so that the nodes' batches conflict; \
                 counted from their end"
            }
            Self::Snapshot => {
                "a repeatable-read transaction stays open on the primary for 5 s, as a dump does; counted before it ends"
            }
            Self::Replay => "`keyfold replay`; counted from its start",
            Self::LongFreeze => {
                "the same as freeze for 90 to 94 s, longer than a batch's time-out and any doubt about it together; on a \
                 cluster of its own beside the others; counted from SIGCONT"
            }
            Self::FrozenWriter => {
                "SIGSTOP of the PostgreSQL process in which a node writes the log, between two batches, for 90 to 94 s: what \
                 the node sent it is carried out when it goes on; on a cluster of its own; counted from SIGCONT"
            }
        }
    }

    /// Injects the fault, in the round with this number, and waits for recovery. The cluster is complete again afterwards.
    ///
    /// # Errors
    ///
    /// If the fault cannot be injected, or service does not recover.
    pub async fn inject(
        self,
        cluster: &mut Cluster,
        world: &World,
        probe: &Probe,
        round: usize,
    ) -> anyhow::Result<Recovery> {
        let node = round % cluster.nodes.len();
        match self {
            Self::KillNode => kill_node(cluster, world, probe, node).await,
            Self::KillPrimary => kill_primary(cluster, world, probe).await,
            Self::Freeze => {
                let length = Duration::from_secs(16 + round as u64 % 5);
                frozen::freeze(cluster, world, probe, node, length).await
            }
            Self::Blink => {
                let length = in_turn(round, [200, 1_000, 4_000]);
                frozen::freeze(cluster, world, probe, node, length).await
            }
            Self::Cut => cut(cluster, world, probe, node).await,
            Self::Stall => {
                let length = in_turn(round, [2_000, 5_000, 12_000]);
                stall(cluster, world, probe, Role::Primary, length).await
            }
            Self::StallStandby => {
                let length = in_turn(round, [3_000, 6_000, 17_000]);
                stall(cluster, world, probe, Role::Standby, length).await
            }
            Self::Hang => hang(cluster, world, probe).await,
            Self::Cancel => writer::cancel(cluster, world, probe, node).await,
            Self::Conflict => writer::conflict(cluster, world, probe, Duration::from_secs(3)).await,
            Self::Snapshot => {
                operators::keep_snapshot(cluster, world, probe, Duration::from_secs(5)).await
            }
            Self::Replay => operators::replay(cluster, world, probe, node).await,
            Self::LongFreeze => frozen::freeze(cluster, world, probe, node, long(round)).await,
            Self::FrozenWriter => writer::freeze(cluster, world, probe, node, long(round)).await,
        }
    }
}

fn long(round: usize) -> Duration {
    LONG + Duration::from_secs(round as u64 % 5)
}

fn in_turn(round: usize, milliseconds: [u64; 3]) -> Duration {
    Duration::from_millis(milliseconds.into_iter().cycle().nth(round % 3).unwrap_or_default())
}

async fn kill_node(
    cluster: &mut Cluster,
    world: &World,
    probe: &Probe,
    node: usize,
) -> anyhow::Result<Recovery> {
    let node = cluster.nodes.get_mut(node).context("there is no such node")?;
    let since = Instant::now();
    node.kill().await?;
    let (started, recovery) = tokio::join!(node.start(), probe.recovery(world, since));
    started?;
    recovery
}

async fn kill_primary(
    cluster: &mut Cluster,
    world: &World,
    probe: &Probe,
) -> anyhow::Result<Recovery> {
    let since = Instant::now();
    cluster.postgres.kill_primary().await?;
    cluster.postgres.promote().await?;
    let recovery = probe.recovery(world, since).await?;
    cluster.postgres.make_standby().await?;
    Ok(recovery)
}

async fn hang(cluster: &mut Cluster, world: &World, probe: &Probe) -> anyhow::Result<Recovery> {
    cluster.postgres.freeze(Role::Primary)?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let since = Instant::now();
    cluster.postgres.promote().await?;
    let recovery = probe.recovery(world, since).await;
    // First of all: the old primary must never accept a write again.
    cluster.postgres.kill_former_primary().await?;
    cluster.postgres.make_standby().await?;
    recovery
}

async fn cut(
    cluster: &mut Cluster,
    world: &World,
    probe: &Probe,
    node: usize,
) -> anyhow::Result<Recovery> {
    let name = &cluster.nodes.get(node).context("there is no such node")?.name;
    let link = cluster.postgres.session(Role::Primary).await?;
    // The listening session shares the lock on the nodes' slots; the appending session holds the log's lock exclusively.
    let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity join pg_locks using (pid) \
               where application_name = $1 and locktype = 'advisory' and mode = 'ShareLock'";
    let since = Instant::now();
    let ended: i64 = link.client.query_one(cut, &[name]).await?.get(0);
    ensure!(ended == 1, "{ended} sessions of {name} listened");
    probe.recovery(world, since).await
}

async fn stall(
    cluster: &mut Cluster,
    world: &World,
    probe: &Probe,
    role: Role,
    length: Duration,
) -> anyhow::Result<Recovery> {
    cluster.postgres.freeze(role)?;
    tokio::time::sleep(length).await;
    let since = Instant::now();
    cluster.postgres.thaw(role)?;
    probe.recovery(world, since).await
}
