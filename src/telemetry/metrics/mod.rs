//! Every metric of the program: the table that `observability/registry.yaml` describes.
//!
//! Attributes are given by the code that records a value, and have few values: a metric never carries the id of a user, a
//! session or a request.

pub mod instrument;
pub(super) mod provider;

use self::instrument::{Count, Definition, InstrumentKind, Observed, Seconds, Sizes};

/// Creates a constant for every row, and [`METRICS`] from all of them.
macro_rules! metrics {
    ($($constant:ident: $type:ident = $made:expr;)*) => {
        $(
            #[doc = concat!("`", stringify!($constant), "`, see `observability/registry.yaml`.")]
            pub static $constant: $type = $made;
        )*

        /// Every metric, in the order of the table.
        pub static METRICS: &[&Definition] = &[$(&$constant.definition),*];
    };
}

metrics! {
    REQUEST_DURATION: Seconds = Seconds::new("http.server.request.duration", "Duration of requests, until the answer was ready to be sent.");
    ACTIVE_REQUESTS: Observed = Observed::new(InstrumentKind::UpDownCounter, "http.server.active_requests", "{request}", "Requests that are being answered.");
    OPERATION_DURATION: Seconds = Seconds::new("db.client.operation.duration", "Duration of statements, as the client saw them.");
    CONNECTION_COUNT: Observed = Observed::new(InstrumentKind::UpDownCounter, "db.client.connection.count", "{connection}", "Connections that are open.");
    CONNECTION_MAX: Observed = Observed::new(InstrumentKind::UpDownCounter, "db.client.connection.max", "{connection}", "Maximum number of open connections.");
    CONNECTION_PENDING_REQUESTS: Observed = Observed::new(InstrumentKind::UpDownCounter, "db.client.connection.pending_requests", "{request}", "Requests that wait for a connection.");
    CONNECTION_WAIT_TIME: Seconds = Seconds::new("db.client.connection.wait_time", "Time until a connection was lent.");
    CONNECTION_TIMEOUTS: Count = Count::new("db.client.connection.timeouts", "{timeout}", "Waits for a connection that timed out.");
    SIGN_UPS: Count = Count::new("keyfold.sign_ups", "{sign_up}", "Attempts to sign up.");
    SIGN_INS: Count = Count::new("keyfold.sign_ins", "{sign_in}", "Attempts to sign in.");
    SIGN_IN_FAILURES: Count = Count::new("keyfold.sign_in.failures", "{sign_in}", "Sign-ins with a wrong address or password, by the number of recent failures of the address.");
    PASSWORD_CHANGES: Count = Count::new("keyfold.password.changes", "{change}", "Attempts to change a password.");
    PASSWORD_HASH_DURATION: Seconds = Seconds::new("keyfold.password.hash.duration", "Duration of password hashes, without the wait in the queue.");
    WORK_QUEUE_DEPTH: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.work.queue.depth", "{job}", "Jobs that wait for a thread.");
    WORK_QUEUE_LIMIT: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.work.queue.limit", "{job}", "Maximum number of waiting jobs; more are refused.");
    BUDGET_USED: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.budget.used", "By", "Bytes that are held.");
    BUDGET_LIMIT: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.budget.limit", "By", "Maximum number of bytes held; more are refused.");
    TOKENS_ISSUED: Count = Count::new("keyfold.tokens.issued", "{token}", "Access tokens that were issued.");
    TOKEN_VERIFICATIONS: Observed = Observed::new(InstrumentKind::Counter, "keyfold.token.verifications", "{verification}", "Access tokens that were verified: signature, issuer, audience and time. The session is checked after that.");
    SESSIONS_LIVE: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.sessions.live", "{session}", "Live sessions that this node has in memory, as many as there is room for: those that began or were used on it lately. In a cluster the numbers of the nodes overlap.");
    SESSIONS_STARTED: Count = Count::new("keyfold.sessions.started", "{session}", "Sessions that began on this node.");
    REVOCATIONS: Count = Count::new("keyfold.revocations", "{session}", "Sessions that this node ended.");
    REVOCATION_LAG: Seconds = Seconds::new("keyfold.revocation.lag", "Time from the decision to end a session until this node refused it. Ends from other nodes are measured with the clocks of both nodes; in cluster mode requests are refused before, by the freshness check, and after an outage of the database the lag includes the outage, during which nothing was answered from memory.");
    KEYS: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.keys", "{key}", "Keys in the JWKS.");
    KEY_AGE: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.key.age", "s", "Time for which the signing key has been signing. Absent while there is none.");
    KEY_ROTATION_PERIOD: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.key.rotation_period", "s", "Time for which a key may sign (KEYFOLD_KEY_ROTATION).");
    KEY_CHANGES: Count = Count::new("keyfold.key.changes", "{change}", "Changes of the key ring that this process made. A rotation is one of `signing`.");
    APPEND_DURATION: Seconds = Seconds::new("keyfold.append.duration", "Duration of each append, from the appender's queue to the commit. Appends refused for their content (an address that is taken, a conflict) are left out.");
    APPEND_BATCH_SIZE: Sizes = Sizes::new("keyfold.append.batch.size", "{append}", "Appends that were committed together.");
    APPEND_BATCH_DURATION: Seconds = Seconds::new("keyfold.append.batch.duration", "Duration of a batch in the database. Batches refused for the content of an append are left out: their appends are written again, one by one.");
    APPEND_QUEUE_DEPTH: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.append.queue.depth", "{append}", "Appends that wait for the running batch.");
    APPEND_EVENTS: Count = Count::new("keyfold.append.events", "{event}", "Events that this process committed.");
    APPEND_CONFLICTS: Count = Count::new("keyfold.append.conflicts", "{conflict}", "Appends that came too late because another process had written the stream.");
    LOG_HEAD: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.log.head", "{event}", "Position of the last event that this node knows of, from any node: by PostgreSQL's notifications, or by a query after 3 seconds without one.");
    LOG_FOLLOWING: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.log.following", "1", "1 while this node follows the log, 0 while it answers nothing from memory.");
    LOG_WRITABLE: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.log.writable", "1", "1 while the database accepts writes, as far as this node has tried, 0 while every write is refused.");
    NOTIFICATION_QUEUE_USED: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.notification_queue.used", "1", "Used share of PostgreSQL's notification queue, which all databases of the server share. When it is full, no change can be committed.");
    CLOCK_SKEW: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.clock.skew", "s", "Difference between this machine's clock and the database's; negative when the machine's is behind.");
    REHYDRATION_DURATION: Seconds = Seconds::new("keyfold.rehydration.duration", "Duration of loading an entity from its snapshot and the events after it.");
    REHYDRATION_EVENTS: Sizes = Sizes::new("keyfold.rehydration.events", "{event}", "Events that were read to load an entity.");
    ACTORS_ALIVE: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.actors.alive", "{actor}", "Entities in memory.");
    ACTORS_RESTARTED: Count = Count::new("keyfold.actors.restarted", "{actor}", "Entities that failed; the next request restarts them.");
    MAILBOX_DEPTH: Sizes = Sizes::new("keyfold.mailbox.depth", "{request}", "Requests that an entity found waiting when it looked.");
    REFUSALS: Count = Count::new("keyfold.refusals", "{refusal}", "Requests that were refused because a bounded queue was full.");
    LOG_LINES_LOST: Observed = Observed::new(InstrumentKind::Counter, "keyfold.log.lines.lost", "{line}", "Lines for standard error or standard output that were lost because they were not read in time: a stalled pipe, a full disk.");
    TELEMETRY_EXPORT_FAILURES: Count = Count::new("keyfold.telemetry.export.failures", "{batch}", "Batches of telemetry that the collector did not accept, which are dropped. Telemetry dropped because of a full queue is not counted: the log says when that begins.");
}
