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
    REQUEST_DURATION: Seconds = Seconds::new("http.server.request.duration", "How long requests took, until the answer was ready to be sent.");
    ACTIVE_REQUESTS: Observed = Observed::new(InstrumentKind::UpDownCounter, "http.server.active_requests", "{request}", "Requests that are being answered.");
    OPERATION_DURATION: Seconds = Seconds::new("db.client.operation.duration", "How long statements took, as the client saw them.");
    CONNECTION_COUNT: Observed = Observed::new(InstrumentKind::UpDownCounter, "db.client.connection.count", "{connection}", "Connections that are open.");
    CONNECTION_MAX: Observed = Observed::new(InstrumentKind::UpDownCounter, "db.client.connection.max", "{connection}", "The most connections that may be open.");
    CONNECTION_PENDING_REQUESTS: Observed = Observed::new(InstrumentKind::UpDownCounter, "db.client.connection.pending_requests", "{request}", "Who waits for a connection.");
    CONNECTION_WAIT_TIME: Seconds = Seconds::new("db.client.connection.wait_time", "How long it took to be lent a connection.");
    CONNECTION_TIMEOUTS: Count = Count::new("db.client.connection.timeouts", "{timeout}", "Waits for a connection that were given up.");
    SIGN_UPS: Count = Count::new("keyfold.sign_ups", "{sign_up}", "Attempts to sign up.");
    SIGN_INS: Count = Count::new("keyfold.sign_ins", "{sign_in}", "Attempts to sign in.");
    SIGN_IN_FAILURES: Count = Count::new("keyfold.sign_in.failures", "{sign_in}", "Sign-ins with a wrong address or password, by how often that has happened to the address lately.");
    PASSWORD_CHANGES: Count = Count::new("keyfold.password.changes", "{change}", "Attempts to change a password.");
    PASSWORD_HASH_DURATION: Seconds = Seconds::new("keyfold.password.hash.duration", "How long password hashes took once their turn had come.");
    WORK_QUEUE_DEPTH: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.work.queue.depth", "{job}", "Jobs that wait for a thread.");
    WORK_QUEUE_LIMIT: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.work.queue.limit", "{job}", "The most jobs that may wait; more are refused.");
    BUDGET_USED: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.budget.used", "By", "Bytes that are held.");
    BUDGET_LIMIT: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.budget.limit", "By", "The most bytes that may be held; more are refused.");
    TOKENS_ISSUED: Count = Count::new("keyfold.tokens.issued", "{token}", "Access tokens that were given to somebody.");
    TOKEN_VERIFICATIONS: Observed = Observed::new(InstrumentKind::Counter, "keyfold.token.verifications", "{verification}", "Access tokens that were verified: signature, issuer, audience and time. Whether the session lives is looked at after that.");
    SESSIONS_LIVE: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.sessions.live", "{session}", "Live sessions that this node has in memory, as many as there is room for: those that began or were used on it lately. In a cluster the numbers of the nodes overlap.");
    SESSIONS_STARTED: Count = Count::new("keyfold.sessions.started", "{session}", "Sessions that began on this node.");
    REVOCATIONS: Count = Count::new("keyfold.revocations", "{session}", "Sessions that this node ended.");
    REVOCATION_LAG: Seconds = Seconds::new("keyfold.revocation.lag", "From the time at which the end of a session was decided until this node refused it. What was ended elsewhere is measured with the clocks of both nodes; in cluster mode requests are refused before, by the freshness check, and after an outage of the database it shows how long that lasted, while nothing was answered from memory.");
    KEYS: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.keys", "{key}", "Keys in the JWKS.");
    KEY_AGE: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.key.age", "s", "How long the key that signs has been signing. Absent while none does.");
    KEY_ROTATION_PERIOD: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.key.rotation_period", "s", "How long a key may sign (KEYFOLD_KEY_ROTATION).");
    KEY_CHANGES: Count = Count::new("keyfold.key.changes", "{change}", "Changes of the key ring that this process made. A rotation is one of `signing`.");
    APPEND_DURATION: Seconds = Seconds::new("keyfold.append.duration", "From the queue of the appender until the events were committed, for each append. What was refused for what it says (an address that is taken, a conflict) is left out.");
    APPEND_BATCH_SIZE: Sizes = Sizes::new("keyfold.append.batch.size", "{append}", "Appends that were committed together.");
    APPEND_BATCH_DURATION: Seconds = Seconds::new("keyfold.append.batch.duration", "How long a batch took in the database. One that was refused for what an append says is left out: its appends are written again, one by one.");
    APPEND_QUEUE_DEPTH: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.append.queue.depth", "{append}", "Appends that wait for the running batch.");
    APPEND_EVENTS: Count = Count::new("keyfold.append.events", "{event}", "Events that this process committed.");
    APPEND_CONFLICTS: Count = Count::new("keyfold.append.conflicts", "{conflict}", "Appends that came too late because another process had written the stream.");
    LOG_HEAD: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.log.head", "{event}", "Position of the last event that this node has heard of, whoever appended it: by PostgreSQL's notifications, or by looking for itself when there was none for 3 seconds.");
    LOG_FOLLOWING: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.log.following", "1", "1 while this node follows the log, 0 while it answers nothing from memory.");
    LOG_WRITABLE: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.log.writable", "1", "1 while the database takes changes, as far as this node has tried, 0 while every change is refused.");
    NOTIFICATION_QUEUE_USED: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.notification_queue.used", "1", "How much of PostgreSQL's queue of notifications is used, which all databases of the server share. When it is full, no change can be committed.");
    CLOCK_SKEW: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.clock.skew", "s", "How far this machine's clock is ahead of the database's; negative when it is behind.");
    REHYDRATION_DURATION: Seconds = Seconds::new("keyfold.rehydration.duration", "How long it took to load an entity from its snapshot and the events after it.");
    REHYDRATION_EVENTS: Sizes = Sizes::new("keyfold.rehydration.events", "{event}", "Events that were read for it.");
    ACTORS_ALIVE: Observed = Observed::new(InstrumentKind::Gauge, "keyfold.actors.alive", "{actor}", "Entities in memory.");
    ACTORS_RESTARTED: Count = Count::new("keyfold.actors.restarted", "{actor}", "Entities that died; the next request starts them anew.");
    MAILBOX_DEPTH: Sizes = Sizes::new("keyfold.mailbox.depth", "{request}", "Requests that an entity found waiting when it looked.");
    REFUSALS: Count = Count::new("keyfold.refusals", "{refusal}", "Requests that were refused because a bounded queue was full.");
    LOG_LINES_LOST: Observed = Observed::new(InstrumentKind::Counter, "keyfold.log.lines.lost", "{line}", "Lines for standard error or standard output that were lost because nobody took them: a pipe that is not read, a disk that is full.");
    TELEMETRY_EXPORT_FAILURES: Count = Count::new("keyfold.telemetry.export.failures", "{batch}", "Batches of telemetry that the collector did not accept. They are dropped. What is dropped because a queue is full is not among them: the log says when that begins.");
}
