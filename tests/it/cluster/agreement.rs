//! Settings that the nodes of a cluster must share: compared by name when one joins.

use std::time::Duration;

use keyfold::base::clock::Clock;
use keyfold::config::{Config, Origin};
use keyfold::keys::algorithm::Algorithm;

use crate::support::app::{SECRET, START, TestApp};
use crate::support::postgres;
use crate::support::process::{ExternalDatabase, PUBLIC_URL};

fn node(config: &mut Config) {
    config.database.cluster = true;
    config.http.public_url = Some(PUBLIC_URL.parse().unwrap());
}

/// A change of a setting, its variable, and what it says before and after.
type Change = (&'static str, fn(&mut Config), &'static str, &'static str);

const HOUR: Duration = Duration::from_hours(1);

const CHANGES: [Change; 12] = [
    (
        "KEYFOLD_PUBLIC_URL",
        |config| config.http.public_url = Some("https://id.example".parse().unwrap()),
        PUBLIC_URL,
        "https://id.example",
    ),
    (
        "CORS_ORIGINS",
        |config| config.http.cors_origins = vec![Origin::parse("https://app.example").unwrap()],
        "not set",
        "https://app.example",
    ),
    ("KEYFOLD_KEY_ROTATION", |config| config.keys.rotation = 48 * HOUR, "30d", "2d"),
    ("KEYFOLD_KEY_LEAD", |config| config.keys.lead = HOUR, "15m", "1h"),
    ("KEYFOLD_KEY_ALGORITHM", |config| config.keys.algorithm = Algorithm::EdDsa, "RS256", "EdDSA"),
    (
        "KEYFOLD_RSA_BITS",
        |config| config.keys.algorithm = Algorithm::Rs256 { bits: 3072 },
        "2048",
        "3072",
    ),
    ("KEYFOLD_TOKEN_LIFETIME", |config| config.tokens.lifetime = HOUR / 2, "15m", "30m"),
    (
        "KEYFOLD_AUDIENCES",
        |config| config.tokens.audiences = vec!["urn:billing".to_owned()],
        "not set",
        "urn:billing",
    ),
    ("KEYFOLD_SESSION_IDLE", |config| config.sessions.idle = HOUR, "7d", "1h"),
    ("KEYFOLD_SESSION_ABSOLUTE", |config| config.sessions.absolute = 240 * HOUR, "90d", "10d"),
    ("KEYFOLD_HASH_MEMORY", |config| config.passwords.memory_kib = 128, "64", "128"),
    ("KEYFOLD_HASH_ITERATIONS", |config| config.passwords.iterations = 2, "1", "2"),
];

async fn joins(first: &TestApp, change: impl FnOnce(&mut Config)) -> Result<TestApp, String> {
    let changed = |config: &mut Config| {
        node(config);
        change(config);
    };
    let joined = TestApp::on(first.connection(), Clock::manual(START), changed).await;
    joined.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_another_setting_is_refused_by_its_name_unless_it_is_being_changed() {
    let connection = postgres::new_schema().await;
    let first = TestApp::on(connection, Clock::manual(START), node).await.unwrap();
    for (variable, change, there, here) in CHANGES {
        let Err(refusal) = joins(&first, change).await else { panic!("{variable} is compared") };
        let told = format!(
            "the servers that share this database must have the same settings, and {variable} is {here} here and {there} in \
             process {} on ",
            std::process::id()
        );
        assert!(refusal.starts_with(&told), "{refusal}");
        let todo = format!("KEYFOLD_CHANGING={variable}");
        assert!(refusal.ends_with(&todo), "{refusal}");
        let other = |config: &mut Config| {
            change(config);
            config.changing = vec!["KEYFOLD_LISTEN".to_owned()];
        };
        assert!(joins(&first, other).await.is_err(), "{variable}: another one is being changed");
    }
    first.get("/health/ready").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_that_differs_is_named_at_once() {
    let connection = postgres::new_schema().await;
    let first = TestApp::on(connection, Clock::manual(START), node).await.unwrap();
    let all = |config: &mut Config| CHANGES.iter().for_each(|(_, change, ..)| change(config));
    let refusal = joins(&first, all).await.err().unwrap();
    // An RS256 key of another size is none that this one could have.
    for (variable, ..) in CHANGES.iter().filter(|(name, ..)| *name != "KEYFOLD_KEY_ALGORITHM") {
        assert!(refusal.contains(&format!("{variable} is ")), "{variable} in {refusal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_is_changed_one_node_after_the_other_while_it_is_named_as_changing() {
    let connection = postgres::new_schema().await;
    let on = async |lifetime: u64, changing: &[&str]| {
        let change = |config: &mut Config| {
            node(config);
            config.tokens.lifetime = Duration::from_mins(lifetime);
            config.changing = changing.iter().map(|name| (*name).to_owned()).collect();
        };
        TestApp::on(connection.clone(), Clock::manual(START), change).await
    };
    let changing = ["KEYFOLD_TOKEN_LIFETIME"];
    let mut old = [on(15, &[]).await.unwrap(), on(15, &[]).await.unwrap()];
    assert!(on(30, &[]).await.is_err());
    old[0].stop().await;
    let mut first = on(30, &changing).await.unwrap();
    // An old one that is started again meanwhile.
    let mut again = on(15, &[]).await.unwrap();
    again.stop().await;
    old[1].stop().await;
    let second = on(30, &changing).await.unwrap();
    first.stop().await;
    // The last round is without the word, and from then on the new value is what all must have.
    let first = on(30, &[]).await.unwrap();
    drop(second);
    assert!(on(15, &[]).await.is_err());
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_server_is_restarted_with_whatever_settings_it_likes() {
    let mut app = TestApp::spawn().await;
    app.sign_up("ada@example.com").await;
    for (_, change, ..) in CHANGES {
        app.restart_with(change).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_which_settings_of_its_own_the_servers_do_not_have() {
    let database = ExternalDatabase::new().await;
    let node = database.keyfold(SECRET).set("KEYFOLD_CLUSTER", "true");
    let node = node.set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = node.serve().await;
    let other = node.clone().set("KEYFOLD_TOKEN_LIFETIME", "30m").set("KEYFOLD_KEY_LEAD", "20m");
    let found = other.run(&["doctor"]).await;
    let there = format!("in process {}", server.process.pid());
    let expected = format!(
        "error    nodes        servers have other settings, KEYFOLD_KEY_LEAD is 20m here and 15m {there}"
    );
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.out.contains(&expected), "{expected} in {}", found.out);
    assert!(found.out.contains("KEYFOLD_TOKEN_LIFETIME is 30m here and 15m in"), "{}", found.out);
    let refused = other.run(&[]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.err.contains("KEYFOLD_CHANGING=KEYFOLD_KEY_LEAD,KEYFOLD_TOKEN_LIFETIME"),
        "{refused:?}"
    );
    server.stop().await;
}
