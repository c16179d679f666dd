//! The composition root: the only module that knows every part.
//!
//! [`App::start`] is a recipe from top to bottom; [`Running`] is the server it makes. If any part of the fixed tree ends,
//! [`Running::failed`] names it, and the process exits instead of running on with half of its parts.

pub mod features;
mod part;
mod pools;
pub mod root;
pub mod routes;
mod seams;
pub mod secrets;
pub mod server;
pub mod storage;

use std::net::SocketAddr;

use anyhow::bail;
use futures_util::FutureExt;
use ractor::{Actor, ActorRef};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use uuid::Uuid;

use self::features::{Features, Foundation, NodeFacts};
use self::part::named;
use self::pools::Pools;
use self::root::{Root, RootMessage};
pub use self::seams::Seams;
use self::server::metrics::Metrics;
use self::server::serving::{HttpServer, PublicSite};
use self::storage::Storage;
use crate::api::readiness::Readiness;
use crate::authn::freshness::{FeatureHandles, Freshness};
use crate::base::clock::Clock;
use crate::base::id::Id;
use crate::config::{Config, DatabaseLocation, HttpConfig};
use crate::eventlog::cluster::follower;
use crate::eventlog::cluster::follower::{Member, Mode};
use crate::postgres;
use crate::postgres::connect::{pooler, settings};
use crate::postgres::{Connection, MigrationError, Pool};
use crate::revocations::Revocations;
use crate::revocations::feed::{FeedLimits, RevocationFeed};
use crate::telemetry::settings::MetricsPlace;

/// The application, from which a [`Running`] server is started.
#[derive(Debug)]
pub struct App;

/// A running server and the storage below it.
#[derive(Debug)]
pub struct Running {
    /// The server, which stops before the storage closes.
    server: RunningServer,
    /// The database, possibly a private cluster that this process must stop.
    storage: Storage,
    /// Timeouts of a graceful stop.
    http: HttpConfig,
}

/// All of a server except its storage.
#[derive(Debug)]
struct RunningServer {
    /// Addresses and origin, for callers that report them.
    site: PublicSite,
    /// URL of the metrics, if they are served.
    metrics: Option<String>,
    /// Sending (or dropping) it makes the HTTP server finish.
    stop_serving: oneshot::Sender<()>,
    /// Closed first when the server stops, so that balancers send nothing more.
    readiness: Readiness,
    /// Handles of the features, which are drained before their actors stop.
    features: Features,
    /// Supervisor of all actors.
    root: ActorRef<RootMessage>,
    /// Long-running tasks; the first to end names itself and so ends the process.
    parts: JoinSet<String>,
    /// All database pools, closed last.
    pools: [Pool; 3],
}

impl App {
    /// Starts a server.
    ///
    /// # Errors
    ///
    /// Fails if any part cannot start; parts that have started are stopped again.
    pub async fn start(config: Config, seams: Seams) -> anyhow::Result<Running> {
        // The address comes first: a port that is taken shows before anything is changed.
        let listener = TcpListener::bind(config.http.listen)
            .await
            .map_err(|error| anyhow::anyhow!("cannot listen on {}: {error}", config.http.listen))?;
        // Boxed, like the next future: a caller's future would otherwise hold all of their state inline.
        let storage = Box::pin(Storage::open(&config)).await?;
        match Box::pin(Self::start_on(listener, &config, seams, &storage)).await {
            Ok(server) => Ok(Running { server, storage, http: config.http }),
            Err(error) => {
                storage.close().await;
                Err(error)
            }
        }
    }

    /// Starts all parts on an open database, from the bottom up. The order is part of the contract; each step says why.
    async fn start_on(
        listener: TcpListener,
        config: &Config,
        seams: Seams,
        storage: &Storage,
    ) -> anyhow::Result<RunningServer> {
        let connection = storage.connection();
        let site = PublicSite::of(&config.http, listener.local_addr()?);
        let node = Id::<()>::generate(&seams.clock).uuid();

        // This node's place in the cluster, before it changes anything.
        require_sessions(config, &connection).await?;
        let member = member(config, node, &seams.clock);
        let mode = member.mode;
        let (follower, mut following) =
            Box::pin(follower::join(connection.clone(), member)).await?;
        let metrics = Metrics::bind(config.telemetry.metrics, &site).await?;

        // Migrations, before anything reads the schema. From `enter` on the log belongs to this node, which hears of every
        // event.
        migrate(&connection).await?;
        Box::pin(following.enter()).await?;
        following.begin_at_head().await?;

        // The log: authentication, other reads and group commit have pools of their own.
        let pools = Pools::new(&connection, config.database.pool_size)?;
        let budgets = features::budgets(config);
        let owner = (node, following.term(), following.writable());
        let (appender, writer) = features::appender(pools.writers.clone(), owner, &budgets, &seams);
        following.skip(writer.acknowledged());
        following.watch_over(pools.all());
        let mut parts = JoinSet::new();
        parts.spawn(named(writer.run(), "the appender"));

        // The actors.
        let (root, root_ended) = Actor::spawn(None, Root, ()).await?;
        parts.spawn(root_ended.map(|_| "the root of the actors".to_owned()));
        let foundation = Foundation::new(&pools, &appender, seams.clone(), budgets.clone())?;
        let features =
            Features::start(foundation, config, &site, storage.secrets(), &root.get_cell()).await?;

        // From here on the node hears of everything that other processes append.
        features.observers().into_iter().for_each(|observer| following.add_observer(observer));
        parts.spawn(named(following.run(), "the follower of the log"));
        features.run_parts(&pools, features::retention(config, &pools, &seams), &mut parts);
        if let Some(exited) = storage.exited() {
            parts.spawn(exited);
        }

        // The HTTP server.
        let readiness = Readiness::new(pools.authentication.clone());
        let freshness = freshness(mode, &pools.authentication, &features, &mut parts);
        let Seams { clock, draw_mark, time_limits, .. } = seams;
        let bytes = budgets.plan.sessions / RevocationFeed::PART_OF_SESSIONS;
        let pool = &pools.authentication;
        let revocations = revocations(pool, &features, &clock, bytes, &mut parts).await?;
        let http =
            HttpServer::of(listener, (config, &budgets.plan), time_limits, readiness.clone())?;
        let node = NodeFacts {
            follower,
            freshness,
            revocations,
            readiness: readiness.clone(),
            clock,
            draw_mark,
            site: site.clone(),
            budgets,
            time_limits,
        };
        let (stop_serving, stopped) = oneshot::channel();
        let shows_metrics = config.telemetry.metrics == MetricsPlace::Shared;
        let endpoint = routes::endpoint(features.state(node), shows_metrics);
        let serving = http.run(endpoint, stopped, config.http.shutdown_timeout);
        parts.spawn(named(serving, server::serving::NAME));
        let metrics = metrics.show(&mut parts);
        let pools = pools.all();
        Ok(RunningServer { site, metrics, stop_serving, readiness, features, root, parts, pools })
    }
}

/// Returns this process as a cluster member, with the settings on which all nodes must agree.
fn member(config: &Config, node: Uuid, clock: &Clock) -> Member {
    let mode = if config.database.cluster { Mode::Cluster } else { Mode::Single };
    Member { agreement: config.agreement(), ..Member::new(node, mode, clock.clone()) }
}

/// Refuses a pooler that does not keep session state between transactions. A private cluster has no pooler in front of it.
async fn require_sessions(config: &Config, connection: &Connection) -> anyhow::Result<()> {
    let is_external = matches!(config.database.location, DatabaseLocation::External(_));
    if is_external && !pooler::lends_sessions(connection).await? {
        bail!(settings::PER_TRANSACTION);
    }
    Ok(())
}

impl Running {
    /// Address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.server.site.address
    }

    /// URL at which Prometheus reads the metrics, if they are served.
    pub fn metrics(&self) -> Option<&str> {
        self.server.metrics.as_deref()
    }

    /// Origin of the public URL.
    pub fn origin(&self) -> &str {
        &self.server.site.origin
    }

    /// Resolves once a part that must not end has ended, and returns its name.
    pub async fn failed(&mut self) -> String {
        match self.server.parts.join_next().await {
            Some(Ok(part)) => part,
            Some(Err(error)) => error.to_string(),
            None => "nothing runs any more".to_owned(),
        }
    }

    /// Handles of the features, for tests and measurements that look behind the API.
    pub fn features(&self) -> &Features {
        &self.server.features
    }

    /// Stops gracefully: reports itself as not ready, finishes requests in flight, lets every actor finish its mailbox, and
    /// closes the database.
    pub async fn stop(self) {
        let Self { server, storage, http } = self;
        server.stop(&http).await;
        storage.close().await;
    }
}

impl RunningServer {
    async fn stop(mut self, http: &HttpConfig) {
        let patience = http.shutdown_timeout;
        self.readiness.close();
        tokio::time::sleep(http.stop_delay).await;
        // An HTTP server that has ended already is not waited for.
        let serving = self.stop_serving.send(()).is_ok();
        let served = async {
            while serving && let Some(part) = self.parts.join_next().await {
                if part.is_ok_and(|part| part == server::serving::NAME) {
                    break;
                }
            }
        };
        if tokio::time::timeout(patience, served).await.is_err() {
            tracing::warn!("shutdown timeout reached with requests still in flight");
        }
        if tokio::time::timeout(patience, self.features.detached.finished()).await.is_err() {
            tracing::warn!("shutdown timeout reached with detached tasks still running");
        }
        // A root that has ended already has no children left.
        let _ = self.root.cast(RootMessage::Stopping);
        if tokio::time::timeout(patience, self.features.drain()).await.is_err() {
            tracing::warn!("shutdown timeout reached with actors still busy");
        }
        // Ends the actors that have not finished in time.
        let _ = self.root.stop_and_wait(None, Some(patience)).await;
        self.parts.shutdown().await;
        self.pools.iter().for_each(Pool::close);
    }
}

/// Applies the migrations that the database lacks.
async fn migrate(connection: &Connection) -> Result<(), MigrationError> {
    for applied in postgres::migrate(connection).await? {
        tracing::info!(migration = %applied, "migration applied");
    }
    Ok(())
}

/// Returns the freshness of memory; in cluster mode, spawns the part that asks the database about it.
fn freshness(
    mode: Mode,
    pool: &Pool,
    features: &Features,
    parts: &mut JoinSet<String>,
) -> Freshness {
    match mode {
        Mode::Single => Freshness::of_single_node(),
        Mode::Cluster => {
            let Features { accounts, sessions, keys, tasks, detached: _ } = features.clone();
            let memory = FeatureHandles { keys, accounts, sessions, tasks };
            let (freshness, check) = Freshness::of_cluster(pool.clone(), memory);
            parts.spawn(named(check.run(), "the freshness check"));
            freshness
        }
    }
}

/// Opens the list of revocations for verifiers elsewhere, and spawns the feed that keeps it current.
async fn revocations(
    pool: &Pool,
    features: &Features,
    clock: &Clock,
    bytes: usize,
    parts: &mut JoinSet<String>,
) -> anyhow::Result<Revocations> {
    let (ended, keys) = (features.sessions.ended(), features.keys.clone());
    let extent = FeedLimits { unused: features.sessions.unused(), bytes };
    let (revocations, feed) =
        RevocationFeed::open(pool.clone(), clock.clone(), ended, keys, extent).await?;
    parts.spawn(named(feed.run(), "the feed of revocations"));
    Ok(revocations)
}
