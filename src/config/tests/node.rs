//! A node of a cluster, configured to the last variable.

use super::*;
use crate::telemetry::settings::{LogFormat, MetricsPlace, OpenTelemetrySettings, TraceSampling};

#[test]
fn every_variable_of_a_node_in_a_cluster_reaches_its_field() {
    let config = read(&[
        ("CORS_ORIGINS", "http://localhost:3000, https://app.example"),
        ("DATABASE_URL", EXTERNAL),
        ("KEYFOLD_CHANGING", "KEYFOLD_KEY_LEAD, BETTER_AUTH_URL"),
        ("KEYFOLD_CLUSTER", "true"),
        ("KEYFOLD_DATABASE_POOL", "4"),
        ("KEYFOLD_ENTITIES_MAX", "7"),
        ("KEYFOLD_ENTITY_IDLE", "5s"),
        ("KEYFOLD_HASH_ITERATIONS", "3"),
        ("KEYFOLD_HASH_MEMORY", "65536"),
        ("KEYFOLD_HASH_QUEUE", "9"),
        ("KEYFOLD_HASH_THREADS", "8"),
        ("KEYFOLD_KEY_ALGORITHM", "RS256"),
        ("KEYFOLD_AUDIENCES", "https://billing.example, urn:mail"),
        ("KEYFOLD_KEY_LEAD", "1h"),
        ("KEYFOLD_KEY_ROTATION", "90d"),
        ("KEYFOLD_LISTEN", "[::1]:0"),
        ("KEYFOLD_LOG", "warn,keyfold=debug"),
        ("KEYFOLD_LOG_FORMAT", "json"),
        ("KEYFOLD_MEMORY", "400MB"),
        ("KEYFOLD_PREVIOUS_SECRETS", LONG_SECRET),
        ("KEYFOLD_PUBLIC_URL", "https://ID.example:443"),
        ("KEYFOLD_RSA_BITS", "3072"),
        ("KEYFOLD_SECRET", LONG_SECRET),
        ("KEYFOLD_SESSION_ABSOLUTE", "30d"),
        ("KEYFOLD_SESSION_IDLE", "12h"),
        ("KEYFOLD_SHUTDOWN_TIMEOUT", "5"),
        ("KEYFOLD_STOP_DELAY", "3s"),
        ("KEYFOLD_SNAPSHOT_EVERY", "50"),
        ("KEYFOLD_SNAPSHOT_RETENTION", "400d"),
        ("KEYFOLD_TOKEN_LIFETIME", "5m"),
        ("KEYFOLD_TRUSTED_PROXIES", "2"),
        ("KEYFOLD_TRACE_SAMPLING", "0.5"),
        ("KEYFOLD_METRICS_LISTEN", "shared"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_SERVICE_NAME", "identity"),
    ]);
    assert_eq!(config.secret.as_ref().unwrap().as_bytes(), LONG_SECRET.as_bytes());
    assert_same(&config, &node_in_a_cluster());
}

fn node_in_a_cluster() -> Config {
    let origins = ["http://localhost:3000", "https://app.example"];
    Config {
        http: HttpConfig {
            listen: "[::1]:0".parse().unwrap(),
            public_url: Some("https://id.example/".parse().unwrap()),
            cors_origins: origins.map(|origin| Origin::parse(origin).unwrap()).to_vec(),
            trusted_proxies: 2,
            stop_delay: Duration::from_secs(3),
            shutdown_timeout: Duration::from_secs(5),
        },
        database: DatabaseConfig {
            location: DatabaseLocation::External(Connection::parse(EXTERNAL).unwrap()),
            pool_size: 4,
            cluster: true,
        },
        secret: Some(Secret::parse(LONG_SECRET).unwrap()),
        previous_secrets: vec![Secret::parse(LONG_SECRET).unwrap(); 2],
        keys: KeyConfig {
            rotation: Duration::from_hours(90 * 24),
            lead: Duration::from_hours(1),
            algorithm: Algorithm::Rs256 { bits: 3072 },
        },
        tokens: TokenConfig {
            lifetime: Duration::from_mins(5),
            audiences: ["https://billing.example", "urn:mail"].map(str::to_owned).to_vec(),
        },
        sessions: SessionConfig {
            idle: Duration::from_hours(12),
            absolute: Duration::from_hours(30 * 24),
        },
        passwords: PasswordConfig { memory_kib: 65_536, iterations: 3, threads: 8, queue: 9 },
        memory: MemoryConfig { limit: 400_000_000 },
        entities: EntityConfig {
            max_alive: 7,
            idle_after: Duration::from_secs(5),
            snapshot_every: 50,
            snapshot_retention: Duration::from_hours(400 * 24),
        },
        telemetry: TelemetrySettings {
            log_format: LogFormat::Json,
            log_filter: "warn,keyfold=debug".to_owned(),
            trace_sampling: TraceSampling::Share(0.5),
            metrics: MetricsPlace::Shared,
            opentelemetry: opentelemetry(),
        },
        changing: ["KEYFOLD_KEY_LEAD", "KEYFOLD_PUBLIC_URL"].map(str::to_owned).to_vec(),
    }
}

fn opentelemetry() -> Box<OpenTelemetrySettings> {
    let collector = environment(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_SERVICE_NAME", "identity"),
    ]);
    let config = Config::from_environment(&collector).unwrap().telemetry.opentelemetry;
    assert_eq!(config.traces.as_ref().unwrap().endpoint.url().as_str(), "http://127.0.0.1:4317/");
    assert_eq!(config.resource["service.name"], "identity");
    config
}
