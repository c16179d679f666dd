//! The whole configuration, read from made-up environments.

mod agreement;
mod node;

use std::collections::{BTreeMap, BTreeSet};
use std::env::VarError;
use std::ffi::OsString;
use std::time::Duration;

use super::*;
use crate::keys::algorithm::Algorithm;
use crate::postgres::Connection;

const LONG_SECRET: &str = "0123456789abcdef0123456789abcdef";
const EXTERNAL: &str = "postgres://ada:hunter2@db.example/keyfold";

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(variables: &[(&str, &str)]) -> Config {
    Config::from_environment(&environment(variables)).unwrap()
}

fn problems(variables: &[(&str, &str)]) -> Vec<InvalidVariable> {
    let error = Config::from_environment(&environment(variables)).unwrap_err();
    assert_eq!(error.to_string().lines().count(), error.problems().len());
    error.problems().to_vec()
}

/// Text of the only problem.
fn problem(variables: &[(&str, &str)]) -> String {
    let problems = problems(variables);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

fn assert_same(left: &Config, right: &Config) {
    assert_eq!(format!("{left:#?}"), format!("{right:#?}"));
}

#[test]
fn an_empty_environment_gives_the_defaults() {
    assert_same(&read(&[]), &Config::default());
}

#[test]
fn the_table_shows_the_defaults_that_hold() {
    let literal = VARIABLES.iter().filter(|variable| variable.has_literal_default());
    let written: Vec<_> = literal.map(|variable| (variable.name, variable.default)).collect();
    assert!(written.len() > 10);
    assert_same(&read(&written), &Config::default());
}

#[test]
fn no_name_appears_twice_in_the_table() {
    let names: Vec<_> = VARIABLES.iter().flat_map(Variable::names).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn a_data_directory_is_enough_for_a_configuration() {
    let expected = read(&[("KEYFOLD_DATA", "/somewhere")]);
    assert_same(&Config::for_data_directory("/somewhere"), &expected);
}

#[test]
fn the_variables_of_the_private_cluster_reach_their_fields() {
    let config = read(&[
        ("KEYFOLD_DATA", "/var/lib/key fold"),
        ("KEYFOLD_POSTGRES_BIN", "/opt/pg/bin"),
        ("KEYFOLD_POSTGRES_USER", "pg_keyfold-1"),
    ]);
    let expected = DatabaseLocation::Private {
        data: "/var/lib/key fold".into(),
        binaries: Some("/opt/pg/bin".into()),
        run_as: Some("pg_keyfold-1".to_owned()),
    };
    assert_eq!(format!("{:?}", config.database.location), format!("{expected:?}"));
}

#[test]
fn the_names_of_better_auth_mean_the_same() {
    let config =
        read(&[("BETTER_AUTH_SECRET", LONG_SECRET), ("BETTER_AUTH_URL", "http://localhost:3000")]);
    assert_eq!(config.secret.unwrap().as_bytes(), LONG_SECRET.as_bytes());
    assert_eq!(config.http.public_url.unwrap().as_str(), "http://localhost:3000/");
}

#[test]
fn new_keys_are_of_the_configured_kind() {
    let algorithm = |variables: &[(&str, &str)]| read(variables).keys.algorithm;
    let eddsa = ("KEYFOLD_KEY_ALGORITHM", "EdDSA");
    assert_eq!(algorithm(&[]), Algorithm::Rs256 { bits: 2048 });
    assert_eq!(algorithm(&[("KEYFOLD_RSA_BITS", "4096")]), Algorithm::Rs256 { bits: 4096 });
    assert_eq!(algorithm(&[eddsa, ("KEYFOLD_RSA_BITS", "3072")]), Algorithm::EdDsa);
    assert_eq!(
        problem(&[eddsa, ("KEYFOLD_RSA_BITS", "1024")]),
        "KEYFOLD_RSA_BITS: is \"1024\"; expected 2048, 3072 or 4096"
    );
    assert_eq!(
        problem(&[("KEYFOLD_KEY_ALGORITHM", "HS256")]),
        "KEYFOLD_KEY_ALGORITHM: is \"HS256\"; expected RS256 or EdDSA"
    );
}

#[test]
fn a_key_signs_for_at_least_twice_its_lead() {
    let lead = ("KEYFOLD_KEY_LEAD", "30m");
    assert_eq!(
        problem(&[lead, ("KEYFOLD_KEY_ROTATION", "59m")]),
        "KEYFOLD_KEY_ROTATION: leaves a key too little time to sign before the next one is published; \
         expected at least twice KEYFOLD_KEY_LEAD"
    );
    read(&[lead, ("KEYFOLD_KEY_ROTATION", "1h")]);
}

#[test]
fn two_names_for_one_thing_must_agree() {
    let same = [("KEYFOLD_SECRET", LONG_SECRET), ("BETTER_AUTH_SECRET", LONG_SECRET)];
    assert!(read(&same).secret.is_some());

    let other = "another secret of more than 32 characters";
    assert_eq!(
        problem(&[("KEYFOLD_SECRET", LONG_SECRET), ("BETTER_AUTH_SECRET", other)]),
        "KEYFOLD_SECRET: differs from BETTER_AUTH_SECRET, which is another name for it; \
         expected only one of the two, or the same value"
    );
}

#[test]
fn a_problem_is_told_under_the_name_that_was_used() {
    assert!(problem(&[("BETTER_AUTH_SECRET", "short")]).starts_with("BETTER_AUTH_SECRET: "));
}

#[test]
fn all_problems_are_reported_together() {
    let names: Vec<_> = problems(&[
        ("CORS_ORIGINS", "*"),
        ("DATABASE_URL", "mysql://ada:hunter2@db"),
        ("KEYFOLD_HASH_MEMORY", "1024"),
        ("KEYFOLD_LISTEN", "localhost"),
        ("KEYFOLD_LOG", "keyfold=loud"),
        ("KEYFOLD_LOG_FORMAT", "xml"),
        ("KEYFOLD_POSTGRES_USER", "--version"),
        ("KEYFOLD_PUBLIC_URL", "https://id.example/auth"),
        ("KEYFOLD_SECRET", "hunter2"),
        ("KEYFOLD_TOKEN_LIFETIME", "2h"),
        ("KEYFOLD_UNKNOWN", "1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://ada:hunter2@collector:4317"),
    ])
    .into_iter()
    .inspect(|problem| assert!(!problem.to_string().contains("hunter2"), "{problem}"))
    .map(|problem| problem.name)
    .collect();
    assert_eq!(
        names,
        [
            "KEYFOLD_LISTEN",
            "KEYFOLD_PUBLIC_URL",
            "CORS_ORIGINS",
            "DATABASE_URL",
            "KEYFOLD_POSTGRES_USER",
            "KEYFOLD_SECRET",
            "KEYFOLD_TOKEN_LIFETIME",
            "KEYFOLD_HASH_MEMORY",
            "KEYFOLD_LOG_FORMAT",
            "KEYFOLD_LOG",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "KEYFOLD_UNKNOWN",
        ]
    );
}

#[test]
fn a_problem_says_what_is_wrong_and_what_is_expected() {
    let cases = [
        (
            ("KEYFOLD_LISTEN", "8000"),
            "KEYFOLD_LISTEN: is \"8000\"; expected an IP address and a port, \
             such as 127.0.0.1:8000, 0.0.0.0:80 or [::]:8000",
        ),
        (
            ("KEYFOLD_HASH_ITERATIONS", "1"),
            "KEYFOLD_HASH_ITERATIONS: is 1; expected a whole number from 2 to 100",
        ),
        (
            ("KEYFOLD_PUBLIC_URL", "https://id.example?x=1"),
            "KEYFOLD_PUBLIC_URL: has a query or a fragment; expected http or https, a host and \
             perhaps a port, such as https://id.example.com",
        ),
        (
            ("KEYFOLD_LISEN", "127.0.0.1:1"),
            "KEYFOLD_LISEN: is not a variable of this program; \
             expected a known name, perhaps KEYFOLD_LISTEN",
        ),
        (
            ("KEYFOLD_DATA", " "),
            "KEYFOLD_DATA: is empty; expected a value, or that the variable is not set at all",
        ),
    ];
    for (variable, expected) in cases {
        assert_eq!(problem(&[variable]), expected);
    }
}

#[test]
fn a_database_of_somebody_else_needs_a_secret() {
    assert_eq!(
        problem(&[("DATABASE_URL", EXTERNAL)]),
        "KEYFOLD_SECRET: is not set, and DATABASE_URL is; expected at least 32 random characters, \
         such as `openssl rand -base64 32` prints"
    );
    read(&[("DATABASE_URL", EXTERNAL), ("BETTER_AUTH_SECRET", LONG_SECRET)]);
}

#[test]
fn an_empty_variable_of_another_tool_counts_as_one_that_is_not_set() {
    let config = read(&[
        ("CORS_ORIGINS", ""),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        ("OTEL_SERVICE_NAME", " "),
    ]);
    assert_same(&config, &Config::default());
}

#[test]
fn a_configuration_never_shows_its_secrets() {
    let config = read(&[("DATABASE_URL", EXTERNAL), ("KEYFOLD_SECRET", LONG_SECRET)]);
    let shown = format!("{config:?} {config:#?}");
    assert!(!shown.contains(LONG_SECRET) && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_value_that_is_not_utf_8_is_a_problem_like_any_other() {
    struct Broken;
    impl Environment for Broken {
        fn get(&self, name: &str) -> Result<String, VarError> {
            match name {
                "KEYFOLD_SECRET" => Err(VarError::NotUnicode(OsString::from("hunter2"))),
                "DATABASE_URL" => Ok(EXTERNAL.to_owned()),
                _ => Err(VarError::NotPresent),
            }
        }
        fn names(&self) -> Vec<String> {
            Vec::new()
        }
    }
    assert_eq!(
        Config::from_environment(&Broken).unwrap_err().to_string(),
        "KEYFOLD_SECRET: is not valid UTF-8; expected text in UTF-8"
    );
}

#[test]
fn a_session_may_not_end_while_it_is_not_even_idle() {
    let too_short = "expected a duration that is not shorter than KEYFOLD_SESSION_IDLE";
    assert_eq!(
        problem(&[("KEYFOLD_SESSION_IDLE", "120d")]),
        format!("KEYFOLD_SESSION_ABSOLUTE: is 90d, and KEYFOLD_SESSION_IDLE is 120d; {too_short}")
    );
    assert_eq!(
        problem(&[("KEYFOLD_SESSION_ABSOLUTE", "1d")]),
        format!("KEYFOLD_SESSION_ABSOLUTE: is 1d, and KEYFOLD_SESSION_IDLE is 7d; {too_short}")
    );
    let same = [("KEYFOLD_SESSION_IDLE", "1m"), ("KEYFOLD_SESSION_ABSOLUTE", "1m")];
    assert_eq!(read(&same).sessions.absolute, Duration::from_mins(1));
    // Unreadable settings are not compared.
    assert_eq!(
        problem(&[("KEYFOLD_SESSION_IDLE", "401d"), ("KEYFOLD_SESSION_ABSOLUTE", "1d")]),
        "KEYFOLD_SESSION_IDLE: is \"401d\"; expected a duration from 1m to 400d, such as 30s, 15m, 12h or 7d"
    );
}

#[test]
fn several_nodes_need_a_shared_database_and_one_public_url() {
    let said: Vec<_> =
        problems(&[("KEYFOLD_CLUSTER", "1")]).iter().map(ToString::to_string).collect();
    let expected = [
        "KEYFOLD_CLUSTER: is true, but other nodes cannot reach a private cluster; \
         expected DATABASE_URL to be set as well",
        "KEYFOLD_CLUSTER: is true, but every node would issue tokens in its own name; \
         expected KEYFOLD_PUBLIC_URL to be set as well",
    ];
    assert_eq!(said, expected);
}

#[test]
fn variables_that_a_platform_writes_under_our_prefix_are_no_mistakes() {
    let of_kubernetes = [
        ("KEYFOLD_PORT", "tcp://10.0.0.7:8000"),
        ("KEYFOLD_SERVICE_HOST", "10.0.0.7"),
        ("KEYFOLD_SERVICE_PORT", "8000"),
        ("KEYFOLD_METRICS_PORT_9464_TCP_ADDR", "10.0.0.8"),
    ];
    read(&of_kubernetes);
    let mistaken = [&of_kubernetes[..], &[("KEYFOLD_LISTN", "127.0.0.1:8000")]].concat();
    assert_eq!(
        problem(&mistaken),
        "KEYFOLD_LISTN: is not a variable of this program; expected a known name, perhaps KEYFOLD_LISTEN"
    );
}
