//! A private key, or the secret that seals them, is lost: the refusals, their advice, and the recovery.

use serde_json::{Value, json};

use crate::operations::command_line::operator::kid;
use crate::support::app::SECRET;
use crate::support::process::{
    DataDirectory, Ended, ExternalDatabase, Keyfold, PUBLIC_URL, Server, dump, until,
};
use crate::support::user::{PASSWORD, TestUser};

const OTHER: &str = "another secret, of 32 characters or more";
const REPLACE: [&str; 3] = ["keys", "replace", "--lost"];
const ADVICE: &str = "`keyfold keys replace --lost`";
const REVOKED: &str = "The access token is signed by a revoked key";

#[track_caller]
fn assert_refused(ended: &Ended, said: &str) {
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    let reason = ended.err.lines().last().unwrap();
    assert!(reason.starts_with("keyfold: ") && reason.contains(said), "{said:?} in {reason}");
}

/// The events of everything but the keys.
async fn others(keyfold: &Keyfold) -> Vec<String> {
    let events = keyfold.print(&["events"]).await;
    let others = events.lines().filter(|line| !line.contains("\"stream\":\"keys\""));
    others.map(ToOwned::to_owned).collect()
}

async fn kids(server: &Server) -> Vec<String> {
    let jwks: Value = serde_json::from_str(&server.jwks().await).unwrap();
    let keys = jwks["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn fresh_token(server: &Server, ada: &TestUser) -> String {
    let fresh = server.get("/api/auth/token").bearer(&ada.session_token).send().await.expect(200);
    fresh["token"].as_str().unwrap().to_owned()
}

/// A user with tasks, of a server that was stopped.
struct Before {
    ada: TestUser,
    tasks: Value,
    events: Vec<String>,
}

impl Before {
    async fn of(keyfold: &Keyfold) -> Self {
        let server = keyfold.serve().await;
        let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
        for title in ["Milk", "Bread"] {
            ada.create_task(title).await;
        }
        let tasks = ada.list("").await.expect(200);
        server.stop().await;
        Self { ada, tasks, events: others(keyfold).await }
    }

    fn kid(&self) -> String {
        kid(&self.ada.token)
    }

    /// Asserts that every command refuses with a reason that names the remedy, and changes nothing.
    async fn assert_lost(&self, keyfold: &Keyfold, reason: &str) {
        let kid = self.kid();
        let commands: [&[&str]; 3] = [&["serve"], &["keys", "rotate"], &["keys", "revoke", &kid]];
        for arguments in commands {
            let refused = keyfold.run(arguments).await;
            assert_refused(&refused, reason);
            assert_refused(&refused, ADVICE);
        }
        let found = keyfold.run(&["doctor"]).await;
        assert_eq!(found.code, Some(1), "{found:?}");
        let errors = found.out.lines().filter(|line| line.starts_with("error "));
        assert!(errors.clone().count() > 0, "{found:?}");
        for error in errors {
            assert!(error.contains(ADVICE), "{found:?}");
        }
    }

    /// Replaces the keys; returns the output of the command.
    async fn assert_replaced(&self, keyfold: &Keyfold) -> String {
        let printed = keyfold.print(&REPLACE).await;
        let old =
            format!("{} is revoked: no token signed by it is accepted any more\n", self.kid());
        let (told, signs) = printed.split_once(&old).unwrap();
        let new = signs.strip_suffix(" signs from now on\n").unwrap();

        let server = keyfold.serve().await;
        assert_eq!(kids(&server).await, [new]);
        let ada = self.ada.at(&server.url);
        ada.list("").await.expect_problem(401, "KEY_REVOKED", REVOKED);
        let fresh = ada.with_token(&fresh_token(&server, &ada).await);
        assert_eq!(kid(&fresh.token), new);
        assert_eq!(fresh.list("").await.expect(200), self.tasks);
        assert_eq!(others(keyfold).await, self.events);
        fresh.create_task("Salt").await;
        let body = json!({"email": "ada@example.com", "password": PASSWORD});
        server.post("/api/auth/signin").json(&body).send().await.expect(200);
        server.stop().await;

        assert_refused(&keyfold.run(&REPLACE).await, "nothing is lost: ");
        let found = keyfold.run(&["doctor"]).await;
        assert_eq!(found.code, Some(0), "{found:?}");
        told.to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_file_of_the_secret_is_lost_a_new_one_is_made_by_that_command_only() {
    for (rubbish, reason) in [
        (None, "is missing, and the private keys in the database are sealed under it"),
        (Some(""), "cannot be used: "),
    ] {
        let data = DataDirectory::new("lost-secret");
        let keyfold = Keyfold::in_directory(&data).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
        let before = Before::of(&keyfold).await;
        let path = data.path().join("secret");
        let lost = std::fs::read_to_string(&path).unwrap();
        match rubbish {
            Some(rubbish) => std::fs::write(&path, rubbish).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        before.assert_lost(&keyfold, reason).await;
        assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), rubbish, "nothing made one");

        let told = before.assert_replaced(&keyfold).await;
        let kept = std::fs::canonicalize(&path).unwrap();
        let kept = kept.display();
        assert!(told.starts_with("a new secret is kept in "), "{told} {kept}");
        let made = std::fs::read_to_string(&path).unwrap();
        assert!(made.len() == 43 && made != lost, "another one, of 32 bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_configured_secret_is_lost_another_one_seals_a_new_key() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let before = Before::of(&keyfold).await;
    let other = keyfold.set("KEYFOLD_SECRET", OTHER);
    before.assert_lost(&other, "cannot be opened with this secret").await;
    assert_eq!(before.assert_replaced(&other).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_private_half_of_the_signing_key_is_missing_a_new_key_signs() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let before = Before::of(&keyfold).await;
    erase(&database, &before.kid()).await;
    before.assert_lost(&keyfold, "has no private key in the database").await;
    assert_eq!(before.assert_replaced(&keyfold).await, "");

    let history = keyfold.print(&["keys", "history"]).await;
    let told: Vec<_> = history.lines().map(|line| line.split("  ").nth(2).unwrap()).collect();
    let kinds: Vec<_> = told.iter().map(|told| told.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["published", "started", "revoked", "published", "started"], "{history}");
    let events = keyfold.print(&["events", "--stream", "keys", "--after", "2"]).await;
    for event in events.lines() {
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(event["context"]["causation"], "keys replace", "{event}");
    }
}

async fn erase(database: &ExternalDatabase, kid: &str) {
    let link = database.connection.connect().await.unwrap();
    let erased = link.client.execute("delete from key_material where kid = $1", &[&kid]).await;
    assert_eq!(erased.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_private_half_of_the_next_key_is_missing_it_is_said_before_that_key_is_to_sign() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let before = Before::of(&keyfold).await;
    let printed = keyfold.print(&["keys", "rotate"]).await;
    let next = printed.split(' ').next().unwrap();
    erase(&database, next).await;
    let refused = keyfold.run(&["keys", "rotate"]).await;
    assert_refused(&refused, &format!("the signing key {next} has no private key in the database"));
    assert_refused(&refused, ADVICE);
    let found = keyfold.run(&["doctor"]).await;
    assert!(found.code == Some(1) && found.out.contains(ADVICE), "{found:?}");

    let printed = keyfold.print(&REPLACE).await;
    for kid in [&before.kid(), next] {
        assert!(printed.contains(&format!("{kid} is revoked: ")), "{printed}");
    }
    let server = keyfold.serve().await;
    assert_eq!(kids(&server).await.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_replaced_while_none_is_lost_or_a_server_runs_or_without_the_word() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    assert_refused(&keyfold.run(&REPLACE).await, "run `keyfold migrate` first");
    keyfold.print(&["migrate"]).await;
    assert_refused(&keyfold.run(&REPLACE).await, "nothing is lost: ");
    let before = Before::of(&keyfold).await;
    let tables = ["jwks", "key_material", "events"];
    let kept = dump(&database.connection, &tables).await;
    let without = keyfold.run(&["keys", "replace"]).await;
    assert_eq!(without.code, Some(2), "{without:?}");
    assert!(without.err.contains("--lost"), "{without:?}");
    assert_refused(&keyfold.run(&REPLACE).await, "nothing is lost: ");

    let server = keyfold.serve().await;
    let wrong = keyfold.clone().set("KEYFOLD_SECRET", OTHER);
    for command in [&keyfold, &wrong, &wrong.clone().set("KEYFOLD_CLUSTER", "true")] {
        let refused = command.run(&REPLACE).await;
        let said = "no key is replaced under a running server: another Keyfold server already uses \
                    this database";
        assert_refused(&refused, said);
        assert!(!refused.err.contains(OTHER), "{refused:?}");
    }
    let ada = before.ada.at(&server.url);
    ada.list("").await.expect(200);
    assert_eq!(kids(&server).await, [before.kid()]);
    server.stop().await;
    let after = dump(&database.connection, &tables).await;
    assert_eq!(after, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_of_a_cluster_go_on_with_the_key_that_replaces_a_lost_one() {
    let database = ExternalDatabase::new().await;
    let node = database.keyfold(SECRET).set("KEYFOLD_CLUSTER", "true");
    let node = node.set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let (first, second) = tokio::join!(node.serve(), node.serve());
    let ada = TestUser::sign_up(&first.url, "ada@example.com").await;
    ada.create_task("Milk").await;
    erase(&database, &kid(&ada.token)).await;

    let printed = node.print(&REPLACE).await;
    let new = printed.lines().last().unwrap().strip_suffix(" signs from now on").unwrap();
    for server in [&first, &second] {
        let ada = ada.at(&server.url);
        ada.list("").await.expect_problem(401, "KEY_REVOKED", REVOKED);
        until("the node signs with the new key", async || {
            let asked = server.get("/api/auth/token").bearer(&ada.session_token).send().await;
            asked.status == 200
        })
        .await;
        let fresh = ada.with_token(&fresh_token(server, &ada).await);
        assert_eq!(kid(&fresh.token), new);
        assert_eq!(fresh.titles().await, ["Milk"]);
        assert_eq!(kids(server).await, [new]);
    }
    first.stop().await;
    second.stop().await;
}
