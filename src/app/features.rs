//! Features, connected to the log and to each other.

use std::sync::Arc;

use ractor::ActorCell;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::part::named;
use super::pools::Pools;
use super::seams::Seams;
use super::secrets::Secrets;
use super::server::serving::PublicSite;
use crate::accounts::Accounts;
use crate::accounts::password::{Cost, PasswordHasher};
use crate::accounts::read_model::UsersProjection;
use crate::api::readiness::Readiness;
use crate::api::state::State;
use crate::api::tasks::page_cache::PageCache;
use crate::authn::freshness::Freshness;
use crate::authn::gate::Gate;
use crate::base::clock::{Clock, Timestamp};
use crate::capacity::memory::{Budgets, MemoryPlan};
use crate::capacity::worker_pool::{ProcessorShare, Work, Workers};
use crate::config::{Config, Secret, TokenConfig};
use crate::eventlog::cluster::follower::{Follower, Observer};
use crate::eventlog::entity::supervisor::Lifespan;
use crate::eventlog::log::append::appender;
use crate::eventlog::log::append::appender::{Appender, Writer};
use crate::eventlog::log::retention::Retention;
use crate::eventlog::model::term::Term;
use crate::eventlog::node_status::Writable;
use crate::eventlog::{Entities, EventLog, Mark, Projections, Resources};
use crate::http;
use crate::http::detached::DetachedTasks;
use crate::http::limits::TimeLimits;
use crate::http::server::Server;
use crate::keys::Keys;
use crate::keys::private::sealer::Sealer;
use crate::keys::private::vault::Vault;
use crate::keys::read_model::JwksProjection;
use crate::keys::ring::KeyRing;
use crate::keys::ring::schedule::Schedule;
use crate::keys::tokens::policy::TokenPolicy;
use crate::postgres::Pool;
use crate::revocations::Revocations;
use crate::sessions::expiry::Expiry;
use crate::sessions::read_model::SessionsProjection;
use crate::sessions::session_list::SessionList;
use crate::sessions::session_list::open::Limits;
use crate::sessions::{Lifetimes, Sessions};
use crate::tasks::Tasks;
use crate::tasks::history::walks::Walks;
use crate::tasks::idempotency::IdempotencyKeys;
use crate::tasks::limits::bulk_limiter;
use crate::tasks::limits::bulk_limiter::BulkLimiter;
use crate::tasks::task_list::TaskList;

/// Signatures that may wait for the signing threads: a second's worth or less.
const SIGNATURE_QUEUE: usize = 1_024;

/// Keys that may wait to be generated.
const KEY_QUEUE: usize = 16;

/// Every projection of the program.
pub fn projections() -> Projections {
    Projections::new(vec![
        Box::new(UsersProjection),
        Box::new(SessionsProjection),
        Box::new(JwksProjection),
    ])
}

/// Log, time and budgets on which the features stand.
#[derive(Debug, Clone)]
pub struct Foundation {
    /// The log for authentication, and for all that must go on while other reads are slow.
    pub authentication: LogReading,
    /// The log for all other reads.
    pub reading: LogReading,
    /// Time, key generation and the other parts that tests replace.
    pub seams: Seams,
    /// Byte budgets by purpose and user.
    pub budgets: Budgets,
}

/// The event log, with the pool it is read through.
#[derive(Debug, Clone)]
pub struct LogReading {
    /// Event log whose reads use `pool`.
    pub log: EventLog,
    /// Database sessions for reads beside the log, such as of projections.
    pub pool: Pool,
}

impl LogReading {
    /// Returns the log that `appender` appends to, read through `pool`.
    pub fn new(pool: Pool, appender: Appender, clock: Clock, resources: Resources) -> Self {
        Self { log: EventLog::new(pool.clone(), appender, clock, resources), pool }
    }
}

impl Foundation {
    /// Joins both pools to the log.
    ///
    /// # Errors
    ///
    /// Fails if no threads can be started for long work.
    pub(super) fn new(
        pools: &Pools,
        appender: &Appender,
        seams: Seams,
        budgets: Budgets,
    ) -> anyhow::Result<Self> {
        let resources = Resources::new(&budgets)?;
        let reading = |pool: &Pool| {
            let (appender, clock) = (appender.clone(), seams.clock.clone());
            LogReading::new(pool.clone(), appender, clock, resources.clone())
        };
        let (authentication, reading) = (reading(&pools.authentication), reading(&pools.readers));
        Ok(Self { authentication, reading, seams, budgets })
    }

    /// Opens the key ring with its private keys.
    ///
    /// # Errors
    ///
    /// Fails if no threads can be started for signing.
    pub async fn vault(
        &self,
        config: &Config,
        secrets: &Secrets,
        parent: &ActorCell,
    ) -> anyhow::Result<Vault> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let previous = secrets.previous.iter().map(Secret::as_bytes);
        let schedule = Schedule {
            rotation: config.keys.rotation,
            lead: config.keys.lead,
            token_lifetime: config.tokens.lifetime,
        };
        let LogReading { log, pool } = self.authentication.clone();
        Ok(Vault {
            ring: Entities::<KeyRing>::start(log, lifespan(config), parent).await?,
            pool,
            sealer: Sealer::new(secrets.current.as_bytes(), previous)?,
            generate: Arc::clone(&self.seams.generate_key),
            algorithm: config.keys.algorithm,
            makers: Workers::start(Work::Keys, 1, ProcessorShare::GivesWay, KEY_QUEUE)?,
            signers: Workers::start(Work::Sign, threads, ProcessorShare::Full, SIGNATURE_QUEUE)?,
            clock: self.seams.clock.clone(),
            schedule,
        })
    }
}

/// Derives the budgets from the memory that the server may take.
pub fn budgets(config: &Config) -> Budgets {
    let passwords = &config.passwords;
    let threads = u64::try_from(passwords.threads).unwrap_or(u64::MAX);
    let hashing = threads.saturating_mul(u64::from(passwords.memory_kib) * 1024);
    Budgets::new(MemoryPlan::of(config.memory.limit, hashing))
}

/// Makes the appender of this program's events, and the writer behind it: for a node's term, and with the switch by which
/// the node stops taking changes.
pub fn appender(
    pool: Pool,
    (node, term, writable): (Uuid, Term, Writable),
    budgets: &Budgets,
    seams: &Seams,
) -> (Appender, Writer) {
    appender::channel(appender::Setup {
        pool,
        projections: Arc::new(projections()),
        node,
        budget: budgets.appends.clone(),
        timeout: seams.batch_timeout,
        term,
        writable,
    })
}

/// Limits on the time that entities stay in memory, and on their number.
pub fn lifespan(config: &Config) -> Lifespan {
    let entities = &config.entities;
    Lifespan {
        max_alive: entities.max_alive,
        idle_after: entities.idle_after,
        snapshot_every: entities.snapshot_every,
    }
}

/// Makes the job that drops old snapshots.
pub(super) fn retention(config: &Config, pools: &Pools, seams: &Seams) -> Retention {
    let young = config.entities.snapshot_retention;
    Retention::new(pools.readers.clone(), seams.clock.clone(), young)
}

/// Facts about this node that the endpoints need.
pub(super) struct NodeFacts {
    /// Tells whether this node hears of every event, as it must to answer from memory.
    pub(super) follower: Follower,
    /// Confirms against the database, in a cluster, that memory is current.
    pub(super) freshness: Freshness,
    /// Ended sessions, for verifiers elsewhere.
    pub(super) revocations: Revocations,
    /// Answer of `/health/ready`; closed when the server stops.
    pub(super) readiness: Readiness,
    /// Time of decisions, from the injected seams.
    pub(super) clock: Clock,
    /// Generator of the marks of events.
    pub(super) draw_mark: fn(Timestamp) -> Mark,
    /// Public origin and trusted peers.
    pub(super) site: PublicSite,
    /// Byte budgets of requests and caches.
    pub(super) budgets: Budgets,
    /// Timeouts within which clients must send and read.
    pub(super) time_limits: TimeLimits,
}

/// The features of a running server.
#[derive(Debug, Clone)]
pub struct Features {
    /// Accounts: credentials and profiles.
    pub accounts: Accounts,
    /// Session lists, and the table of live sessions.
    pub sessions: Sessions,
    /// Signing keys and the tokens they sign.
    pub keys: Keys,
    /// Task lists, their history and idempotency keys.
    pub tasks: Tasks,
    /// Detached tasks, which a client's disconnect does not cancel.
    pub(super) detached: DetachedTasks,
}

impl Features {
    /// Starts every feature: keys before sessions, sessions before accounts, task lists last.
    pub(super) async fn start(
        foundation: Foundation,
        config: &Config,
        site: &PublicSite,
        secrets: &Secrets,
        parent: &ActorCell,
    ) -> anyhow::Result<Self> {
        let Foundation { authentication, reading, seams, budgets } = &foundation;
        let LogReading { log, pool } = authentication;
        let (clock, lifespan) = (seams.clock.clone(), lifespan(config));

        let vault = foundation.vault(config, secrets, parent).await?;
        let url = site.origin.clone();
        let TokenConfig { lifetime, audiences: services } = config.tokens.clone();
        let policy = TokenPolicy { issuer: url.clone(), audience: url, services, lifetime };
        let keys = Keys::start(vault, policy, parent).await?;

        let lists = Entities::<SessionList>::start(log.clone(), lifespan, parent).await?;
        let sessions = &config.sessions;
        let limits = Limits { idle: sessions.idle, absolute: sessions.absolute };
        let lifetimes = Lifetimes { sessions: limits, access_token: config.tokens.lifetime };
        let sessions = Sessions::start(
            lists,
            pool.clone(),
            clock.clone(),
            lifetimes,
            budgets.plan.sessions,
            parent,
        )
        .await?;

        let passwords = &config.passwords;
        let cost = Cost { memory_kib: passwords.memory_kib, iterations: passwords.iterations };
        let hasher = PasswordHasher::start(cost, passwords.threads, passwords.queue)?;
        let entities = Entities::start(log.clone(), lifespan, parent).await?;
        let accounts = Accounts::new(entities, pool.clone(), hasher, clock);

        let LogReading { log, pool } = reading;
        let lists = Entities::<TaskList>::start(log.clone(), lifespan, parent).await?;
        let readers =
            Workers::start(Work::Files, 1, ProcessorShare::GivesWay, bulk_limiter::MAX_AT_ONCE)?;
        let idempotency_keys = IdempotencyKeys::open(pool.clone(), seams.clock.clone()).await?;
        let bulk = BulkLimiter::new(readers, budgets.bulk.clone());
        let bulk = (bulk, Walks::new(config.database.pool_size));
        let (log, plan) = ((log.clone(), pool.clone()), &budgets.plan);
        let tasks = Tasks::new(lists, log, idempotency_keys, bulk, plan);
        Ok(Self { accounts, sessions, keys, tasks, detached: DetachedTasks::new() })
    }

    /// Spawns the jobs that look after the features' tables.
    pub(super) fn run_parts(
        &self,
        pools: &Pools,
        retention: Retention,
        parts: &mut JoinSet<String>,
    ) {
        let expiry = Expiry::new(self.sessions.clone(), pools.readers.clone());
        parts.spawn(named(expiry.run(), "the expiry of sessions"));
        let upkeep = self.tasks.idempotency_keys().upkeep();
        parts.spawn(named(upkeep.run(), "the upkeep of idempotency keys"));
        parts.spawn(named(retention.run(), "the retention of snapshots"));
    }

    /// Features that must hear of events appended by other processes.
    pub(super) fn observers(&self) -> Vec<Arc<dyn Observer>> {
        vec![
            Arc::new(self.accounts.clone()),
            Arc::new(self.sessions.clone()),
            Arc::new(self.keys.clone()),
            Arc::new(self.tasks.clone()),
        ]
    }

    /// Builds the state that endpoints reach.
    pub(super) fn state(&self, node: NodeFacts) -> State {
        let Self { accounts, sessions, keys, tasks, detached } = self.clone();
        let NodeFacts {
            follower,
            freshness,
            revocations,
            readiness,
            clock,
            site,
            budgets,
            time_limits,
            draw_mark,
        } = node;
        let site = Arc::new(http::site::Site::from(site));
        let long_work = tasks.long_work().clone();
        let pages = PageCache::new(budgets.plan.pages);
        let server = Server { site: Arc::clone(&site), budgets, time_limits, long_work };
        let gate = Gate { accounts, sessions, keys, follower, freshness, clock, site };
        State {
            gate: Arc::new(gate),
            server,
            revocations,
            tasks,
            pages,
            readiness,
            detached,
            draw_mark,
        }
    }

    /// Lets every entity finish its mailbox.
    pub(super) async fn drain(&self) {
        tokio::join!(
            self.accounts.drain(),
            self.sessions.drain(),
            self.keys.drain(),
            self.tasks.drain()
        );
    }
}
