//! Table of all variables: names, defaults and meanings.
//!
//! Invariant: the name of a variable is written here and nowhere else, and every constant here is in [`VARIABLES`].

/// An environment variable with its documentation.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Name as the environment has it.
    pub name: &'static str,
    /// Alternative name, kept for deployments that come from Better Auth.
    pub alias: Option<&'static str>,
    /// Value that holds if it is not set: one that could be given, or a description (which has a space in it).
    pub default: &'static str,
    /// Effect of the variable, in a sentence or two.
    pub meaning: &'static str,
}

impl Variable {
    /// All names of the variable, the main one first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.alias)
    }

    /// True if [`Variable::default`] is a value that could be given, and not a description.
    pub fn has_literal_default(&self) -> bool {
        !self.default.contains(' ')
    }
}

/// Makes a constant of each row, and [`VARIABLES`] of all of them.
macro_rules! variables {
    ($($constant:ident = $name:literal $(or $alias:literal)?, $default:literal, $meaning:literal;)*) => {
        $(
            pub(super) const $constant: Variable = Variable {
                name: $name,
                alias: [$(Some($alias),)? None][0],
                default: $default,
                meaning: $meaning,
            };
        )*

        /// Every variable, in the order in which a reader meets them.
        pub const VARIABLES: &[Variable] = &[$($constant),*];
    };
}

variables! {
    DATABASE_URL = "DATABASE_URL",
        "a private cluster in the data directory",
        "URL of the PostgreSQL database. Several hosts may be given; `sslmode` from `disable` to `verify-full` works.";
    SECRET = "KEYFOLD_SECRET" or "BETTER_AUTH_SECRET",
        "made and kept in the data directory",
        "Secret that seals private keys, at least 32 characters. Required with DATABASE_URL.";
    PREVIOUS_SECRETS = "KEYFOLD_PREVIOUS_SECRETS",
        "no other secret",
        "Earlier secrets, separated by commas: keys sealed under them are opened, and sealed anew under KEYFOLD_SECRET.";
    PUBLIC_URL = "KEYFOLD_PUBLIC_URL" or "BETTER_AUTH_URL",
        "http:// and the address listened on",
        "The URL under which clients reach the server. It is the issuer of the access tokens.";
    LISTEN = "KEYFOLD_LISTEN",
        "127.0.0.1:8000",
        "The address to listen on. Port 0 takes any free port.";
    CORS_ORIGINS = "CORS_ORIGINS",
        "no other origin",
        "Origins whose pages may call the API with credentials, separated by commas.";
    TRUSTED_PROXIES = "KEYFOLD_TRUSTED_PROXIES",
        "0",
        "Number of reverse proxies in front that append to `X-Forwarded-For`, from 0 to 10. With 0 the header is ignored.";
    DATA = "KEYFOLD_DATA",
        "./data",
        "The directory of the private cluster and its secret.";
    POSTGRES_BIN = "KEYFOLD_POSTGRES_BIN",
        "looked for in the usual places",
        "The directory with the `initdb` and `postgres` of the private cluster.";
    POSTGRES_USER = "KEYFOLD_POSTGRES_USER",
        "an existing unprivileged user",
        "The system user that runs the private cluster when the server runs as root.";
    DATABASE_POOL = "KEYFOLD_DATABASE_POOL",
        "16",
        "Maximum number of database connections for reading, from 2 to 1000. A quarter of them is reserved for authentication and readiness.";
    CLUSTER = "KEYFOLD_CLUSTER",
        "false",
        "`true` if other nodes serve the same database. Needs DATABASE_URL and KEYFOLD_PUBLIC_URL.";
    CHANGING = "KEYFOLD_CHANGING",
        "no setting",
        "Shared settings of a cluster that are being changed one server after the other, by name and separated by commas: servers may differ in them meanwhile.";
    KEY_ROTATION = "KEYFOLD_KEY_ROTATION",
        "30d",
        "Time for which a key signs, from 2s to 400d and at least twice the lead.";
    KEY_LEAD = "KEYFOLD_KEY_LEAD",
        "15m",
        "Time for which a key is in the JWKS before it signs, from 1s to 1d. Verifiers may cache the JWKS for two thirds of it.";
    KEY_ALGORITHM = "KEYFOLD_KEY_ALGORITHM",
        "RS256",
        "Algorithm of new keys: `RS256`, or `EdDSA` (Ed25519) where every verifier knows it.";
    RSA_BITS = "KEYFOLD_RSA_BITS",
        "2048",
        "Size of new RS256 keys: 2048, 3072 or 4096.";
    TOKEN_LIFETIME = "KEYFOLD_TOKEN_LIFETIME",
        "15m",
        "Lifetime of an access token, from 1m to 1h.";
    AUDIENCES = "KEYFOLD_AUDIENCES",
        "no service",
        "Audiences that an access token may have instead of this server: services such as https://billing.example.com, separated by commas.";
    SESSION_IDLE = "KEYFOLD_SESSION_IDLE",
        "7d",
        "Idle timeout of a session, from 1m to 400d. Use extends it at most once a day.";
    SESSION_ABSOLUTE = "KEYFOLD_SESSION_ABSOLUTE",
        "90d",
        "Absolute timeout of a session, from 1m to 400d. Never shorter than KEYFOLD_SESSION_IDLE.";
    HASH_MEMORY = "KEYFOLD_HASH_MEMORY",
        "19456",
        "Memory of one password hash (Argon2id) in KiB, at least 19456.";
    HASH_ITERATIONS = "KEYFOLD_HASH_ITERATIONS",
        "2",
        "Passes of one password hash over its memory, at least 2.";
    HASH_THREADS = "KEYFOLD_HASH_THREADS",
        "one per processor core",
        "Number of password hashes that are computed at the same time.";
    HASH_QUEUE = "KEYFOLD_HASH_QUEUE",
        "64",
        "Number of further password hashes that may wait. Beyond that the answer is 503.";
    MEMORY = "KEYFOLD_MEMORY",
        "half of the memory of the machine or its cgroup",
        "Memory limit of the server, at least 400MB: a number with `MB`, `GB`, `MiB` or `GiB`, or a share such as `40%`. Every budget follows from it.";
    ENTITIES_MAX = "KEYFOLD_ENTITIES_MAX",
        "100000",
        "Maximum number of entities of one kind in memory.";
    ENTITY_IDLE = "KEYFOLD_ENTITY_IDLE",
        "10m",
        "Time for which an unused entity stays in memory, from 1s to 7d.";
    SNAPSHOT_EVERY = "KEYFOLD_SNAPSHOT_EVERY",
        "500",
        "Minimum number of events between two snapshots of a stream in use; a large state is saved less often.";
    SNAPSHOT_RETENTION = "KEYFOLD_SNAPSHOT_RETENTION",
        "90d",
        "Time for which all snapshots of task lists stay, from 1d to 4000d. Older ones are thinned out: old versions then take longer to rebuild.";
    STOP_DELAY = "KEYFOLD_STOP_DELAY",
        "0s",
        "Time for which a stopping server still takes requests, with readiness off, so that load balancers notice.";
    SHUTDOWN_TIMEOUT = "KEYFOLD_SHUTDOWN_TIMEOUT",
        "30s",
        "Time that requests in flight may take to finish when the server stops, from 1s to 10m.";
    LOG = "KEYFOLD_LOG",
        "info",
        "Filter of the log lines: a level, or directives such as `warn,keyfold=debug`.";
    LOG_FORMAT = "KEYFOLD_LOG_FORMAT",
        "text",
        "Format of the log lines: `text` for reading, `json` for programs.";
    OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT",
        "nothing is exported",
        "An OpenTelemetry collector, such as `http://127.0.0.1:4317`, for traces, metrics and logs. OpenTelemetry's other standard variables are obeyed too (see docs/opentelemetry.md).";
    TRACE_SAMPLING = "KEYFOLD_TRACE_SAMPLING",
        "0.1",
        "Share of traces that is exported, from 0 to 1. Failures and authentication are exported as well, and a caller's `traceparent` decides for its own trace, within limits (see docs/telemetry.md).";
    METRICS_LISTEN = "KEYFOLD_METRICS_LISTEN",
        "127.0.0.1:9464",
        "The address at which Prometheus reads `/metrics`; `shared` for that of the API, `off` for none.";
    SERVICE_NAME = "OTEL_SERVICE_NAME",
        "keyfold",
        "Service name of this program in exported telemetry.";
}
