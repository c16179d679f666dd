//! Variables and arguments: all problems are reported at once, and no secret.

use keyfold::config::VARIABLES;

use crate::support::app::SECRET;
use crate::support::process::{Ended, ExternalDatabase, Keyfold};
use crate::support::user::TestUser;

/// The problem that is reported for a variable.
#[track_caller]
fn problem<'a>(ended: &'a Ended, name: &str) -> &'a str {
    let lines = ended.err.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{name} in {ended:?}");
    lines[0]
}

#[tokio::test]
async fn every_problem_of_the_configuration_is_reported_at_once_and_nothing_secret() {
    let wrong = [
        ("DATABASE_URL", "postgres://ada:hunter2@db.example/tasks?sslmode=perhaps", "sslmode"),
        ("KEYFOLD_SECRET", "swordfish", "has 9 characters; expected at least 32"),
        ("KEYFOLD_PUBLIC_URL", "ftp://id.example.com", "expected http or https"),
        ("KEYFOLD_LISTEN", "somewhere", "is \"somewhere\"; expected an IP address and a port"),
        ("CORS_ORIGINS", "*", "contains `*`"),
        ("KEYFOLD_DATABASE_POOL", "1", "2"),
        ("KEYFOLD_CLUSTER", "perhaps", "perhaps"),
        ("KEYFOLD_TOKEN_LIFETIME", "2h", "1h"),
        ("KEYFOLD_HASH_MEMORY", "8", "19456"),
        ("KEYFOLD_LOG", "keyfold=loud", "not a filter"),
        ("KEYFOLD_LOG_FORMAT", "xml", "expected text or json"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector.example", "such as http://"),
        ("KEYFOLD_SECRETS", "opensesame", "perhaps KEYFOLD_SECRET"),
        ("KEYFOLD_LISTN", "127.0.0.1:80", "perhaps KEYFOLD_LISTEN"),
    ];
    let keyfold =
        wrong.iter().fold(Keyfold::new(), |keyfold, (name, value, _)| keyfold.set(name, value));
    let ended = keyfold.run(&[]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
    for (name, _, said) in wrong {
        assert!(problem(&ended, name).contains(said), "{name}: {said}: {ended:?}");
    }
    assert_eq!(ended.err.lines().count(), 1 + wrong.len(), "{ended:?}");
    for secret in ["hunter2", "swordfish", "opensesame"] {
        assert!(!ended.err.contains(secret), "{ended:?}");
    }
    // A command of the operator's is told the same.
    let command = keyfold.run(&["keys", "rotate"]).await;
    assert_eq!((command.code, command.err), (Some(2), ended.err));
}

#[tokio::test]
async fn a_database_url_needs_a_secret_that_is_long_enough() {
    let keyfold = Keyfold::new().set("DATABASE_URL", "postgres://ada@127.0.0.1:1/tasks");
    let ended = keyfold.run(&[]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = "is not set, and DATABASE_URL is; expected at least 32 random characters";
    assert!(problem(&ended, "KEYFOLD_SECRET").starts_with(said), "{ended:?}");

    let ended = keyfold.set("BETTER_AUTH_SECRET", "short").run(&[]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    // By the name under which it was set.
    assert!(problem(&ended, "BETTER_AUTH_SECRET").starts_with("has 5 characters"), "{ended:?}");
}

#[tokio::test]
async fn two_names_of_one_variable_must_not_disagree() {
    let keyfold = Keyfold::new()
        .set("KEYFOLD_SECRET", SECRET)
        .set("BETTER_AUTH_SECRET", "another secret, as long as it has to be");
    let ended = keyfold.run(&[]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(problem(&ended, "KEYFOLD_SECRET").starts_with("differs from BETTER_AUTH_SECRET"));
    assert!(!ended.err.contains(SECRET) && !ended.err.contains("another secret"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_of_better_auth_are_accepted() {
    let database = ExternalDatabase::new().await;
    let keyfold = Keyfold::new()
        .set("DATABASE_URL", &database.url)
        .set("BETTER_AUTH_SECRET", SECRET)
        .set("BETTER_AUTH_URL", "http://id.example.com/");
    let mut server = keyfold.serve().await;
    let out = server.process.out.say("API explorer").await;
    for place in [
        "API explorer  http://id.example.com/docs\n",
        "JWKS          http://id.example.com/.well-known/jwks.json\n",
    ] {
        assert!(out.contains(place), "{out}");
    }
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    server.stop().await;

    // Secret and issuer are unchanged, under Keyfold's own names.
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", "http://id.example.com");
    let server = keyfold.serve().await;
    ada.at(&server.url).list("").await.expect(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_prints_where_everything_is() {
    let database = ExternalDatabase::new().await;
    let mut server = database.keyfold(SECRET).serve().await;
    let out = server.process.out.say("API explorer").await;
    for (name, path) in [
        ("API explorer", "/docs"),
        ("OpenAPI", "/openapi.json"),
        ("JWKS", "/.well-known/jwks.json"),
    ] {
        let line = out.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        assert_eq!(line.split_whitespace().last(), Some(format!("{}{path}", server.url).as_str()));
        assert!(server.get(path).send().await.status.is_success(), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_help_names_every_command_and_every_variable_whatever_the_configuration() {
    let keyfold = Keyfold::new().set("KEYFOLD_LISTEN", "somewhere");
    let help = keyfold.print(&["--help"]).await;
    for command in ["serve", "migrate", "openapi", "keys", "events", "replay"] {
        let has_meaning = |line: &str| line.trim_start().len() > command.len() + 10;
        let mut lines = help.lines().filter(|line| line.starts_with(&format!("  {command} ")));
        assert!(lines.any(has_meaning), "{command} in {help}");
    }
    let unwrapped = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for variable in VARIABLES {
        for name in variable.names() {
            assert!(unwrapped.contains(name), "{name} in {help}");
        }
        let default = format!("[default: {}]", variable.default);
        assert!(unwrapped.contains(&default), "{default} in {help}");
    }
    let keys = keyfold.print(&["keys", "--help"]).await;
    for command in ["list", "history", "rotate", "revoke"] {
        assert!(keys.contains(&format!("\n  {command} ")), "{command} in {keys}");
    }
    let events = keyfold.print(&["events", "--help"]).await;
    for option in ["--after", "--stream", "--limit"] {
        assert!(events.contains(option), "{option} in {events}");
    }
}

#[tokio::test]
async fn the_version_is_that_of_the_package() {
    let version = Keyfold::new().print(&["--version"]).await;
    assert_eq!(version, format!("keyfold {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_wrong_command_line_ends_with_2_and_names_what_is_meant() {
    let ended = Keyfold::new().run(&["serv"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.err.contains("'serv'") && ended.err.contains("'serve'"), "{ended:?}");
    for arguments in [&["keys"] as &[_], &["events", "--after", "soon"], &["--port", "80"]] {
        assert_eq!(Keyfold::new().run(arguments).await.code, Some(2), "{arguments:?}");
    }
}
