//! Every kind of request, answered by servers that begin with nothing in memory.

use std::time::Duration;

use futures_util::future::join_all;
use keyfold::base::clock::Clock;
use keyfold::config::{Config, Secret};
use keyfold::eventlog::log::append::appender;
use keyfold::eventlog::{EventLog, Projections, StreamName};
use keyfold::keys::read_model;
use keyfold::postgres::Pool;
use keyfold::tasks::task_list::TaskList;
use reqwest::Method;
use serde_json::{Value, json};

use super::database::Database;
use crate::identity::keys::turn;
use crate::support::app::{START, TestApp, resources, v};
use crate::support::postgres;
use crate::support::process::{PUBLIC_URL, until};
use crate::support::user::{PASSWORD, TestUser};

const DAY: Duration = Duration::from_hours(24);

/// One session for reading, so that a server keeps one plan of each statement; and snapshots soon.
fn configure(config: &mut Config) {
    config.database.pool_size = 1;
    config.entities.snapshot_every = 3;
}

/// The only server.
pub(super) async fn server(database: &Database) -> TestApp {
    TestApp::on(database.connection.clone(), Clock::manual(START), configure).await.unwrap()
}

/// Two servers in cluster mode.
pub(super) async fn two_servers(database: &Database) -> [TestApp; 2] {
    let clock = Clock::manual(START);
    let start = async || {
        let connection = database.connection.clone();
        let started = TestApp::on(connection, clock.clone(), |config| {
            configure(config);
            config.database.cluster = true;
            config.http.public_url = Some(PUBLIC_URL.parse().unwrap());
        });
        started.await.unwrap()
    };
    [start().await, start().await]
}

/// Everything that can be asked of a server.
pub(super) async fn everything(app: &TestApp, email: &str) {
    let ada = app.sign_up(email).await;
    for (path, email, password, status) in [
        ("/api/auth/signup", email, PASSWORD, 409),
        ("/api/auth/signin", email, "not the password", 401),
        ("/api/auth/signin", "nobody@example.com", PASSWORD, 401),
    ] {
        let mut body = json!({"email": email, "password": password});
        if path.ends_with("signup") {
            body["name"] = json!("Ada");
        }
        app.post(path).json(&body).send().await.expect(status);
    }
    tasks(&ada).await;
    sessions(app, &ada).await;
    account(app, email).await;
    for path in ["/.well-known/jwks.json", "/health/live", "/health/ready"] {
        app.get(path).send().await.expect(200);
    }
}

/// Many at once, so that a batch has several events of a stream.
async fn tasks(ada: &TestUser) {
    let titles: Vec<_> = (0..10).map(|number| format!("task {number}")).collect();
    let created = join_all(titles.iter().map(|title| ada.create_task(title))).await;
    let path = ada.tasks(&format!("/{}", created[0]["id"].as_str().unwrap()));
    for (method, status) in
        [(Method::GET, 200), (Method::PUT, 200), (Method::PATCH, 200), (Method::DELETE, 204)]
    {
        // A change that tells of no title, and then a deletion: the history looks the title up.
        let change = match method {
            Method::PATCH => json!({"completed": true}),
            _ => json!({"title": format!("after {method}")}),
        };
        ada.request(method, &path).json(&change).send().await.expect(status);
    }
    ada.list("").await.expect(200);
    past(ada, &created[0]).await;
}

/// Reads from the log: a deleted task, and earlier versions.
async fn past(ada: &TestUser, task: &Value) {
    let path = ada.tasks(&format!("/{}", task["id"].as_str().unwrap()));
    ada.request(Method::GET, &format!("{path}/history")).send().await.expect(200);
    ada.list("/history").await.expect(200);
    ada.list("/history?type=deleted").await.expect(200);
    ada.list(&format!("?asOf={}", v(4))).await.expect(200);
    let long_ago = ada.tasks("/diff?from=2020-01-01T00:00:00Z");
    ada.request(Method::GET, &long_ago).send().await.expect(200);
    let restore = || ada.request(Method::POST, &format!("{path}/restore")).json(&json!({}));
    restore().header("idempotency-key", "restore").send().await.expect(200);
    restore().header("idempotency-key", "restore").send().await.expect(200);
    ada.request(Method::POST, &ada.tasks("/undo")).send().await.expect(200);
}

/// Every read that is answered from memory.
pub(super) async fn reads(app: &TestApp, ada: &TestUser) {
    let cookie = format!("better-auth.session_token={}", ada.session_token);
    let task = ada.list("").await.expect(200)["tasks"][0]["id"].as_str().unwrap().to_owned();
    ada.list("?limit=1&completed=false&q=milk&sort=priority").await.expect(200);
    ada.request(Method::GET, &ada.tasks(&format!("/{task}"))).send().await.expect(200);
    app.get("/api/auth/session").header("cookie", &cookie).send().await.expect(200);
    app.get("/api/auth/session").bearer(&ada.token).send().await.expect(200);
    app.get("/.well-known/jwks.json").send().await.expect(200);
}

/// Every way to show a session, and its end.
async fn sessions(app: &TestApp, ada: &TestUser) {
    let again = TestUser::sign_in(&app.url(), &ada.email).await;
    let cookie = format!("better-auth.session_token={}", again.session_token);
    for path in ["/api/auth/session", "/api/auth/token"] {
        app.get(path).bearer(&again.session_token).send().await.expect(200);
        app.get(path).header("cookie", &cookie).send().await.expect(200);
    }
    app.get("/api/auth/session").bearer(&again.token).send().await.expect(200);
    again.sign_out().await.expect(200);
    let last = TestUser::sign_in(&app.url(), &ada.email).await;
    app.clock().advance(DAY);
    app.get("/api/auth/sessions").bearer(&ada.session_token).send().await.expect(200);
    let fresh = TestUser::sign_in(&app.url(), &ada.email).await;
    for rest in [&format!("/{}", last.session_id), "?except=current", ""] {
        let request = app.request(Method::DELETE, &format!("/api/auth/sessions{rest}"));
        request.bearer(&fresh.session_token).send().await.expect(204);
    }
}

/// Changes of the account, which leave it with the password it had.
async fn account(app: &TestApp, email: &str) {
    let mut ada = TestUser::sign_in(&app.url(), email).await;
    let patch = ada.request(Method::PATCH, "/api/auth/profile");
    patch.json(&json!({"name": "Ada King"})).send().await.expect(200);
    for (from, to) in [(PASSWORD, "another password"), ("another password", PASSWORD)] {
        let body = json!({"currentPassword": from, "newPassword": to});
        let change = app.post("/api/auth/password").bearer(&ada.session_token).json(&body);
        ada = TestUser::signed_in(&app.url(), &change.send().await.expect(200));
    }
}

/// Reads of a restarted server: sessions by token and by id, streams with and without a snapshot.
pub(super) async fn after_restart(app: &mut TestApp, email: &str) {
    let ada = app.sign_up(email).await;
    let again = TestUser::sign_in(&app.url(), email).await;
    tasks(&ada).await;
    app.restart().await;
    app.get("/api/auth/session").bearer(&ada.session_token).send().await.expect(200);
    again.list("").await.expect(200);
    again.create_task("one more").await;
}

/// Everything on one server, and some of it on the other one, which has to be up to date.
pub(super) async fn together([first, second]: &[TestApp; 2], email: &str) {
    everything(first, email).await;
    let again = TestUser::sign_in(&first.url(), email).await;
    second.get("/api/auth/session").bearer(&again.session_token).send().await.expect(200);
    let ada = TestUser::sign_in(&first.url(), email).await;
    let there = ada.at(&second.url());
    there.list("").await.expect(200);
    there.create_task("from there").await;
    ada.list("").await.expect(200);
    ada.sign_out().await.expect(200);
    there.list("").await.expect(401);
}

/// Changes the keys until the first one retires. The other server learns of a new one from a token.
pub(super) async fn rotate_keys([first, second]: &[TestApp; 2], email: &str) {
    for _ in 0..3 {
        turn(first).await;
        let ada = TestUser::sign_in(&first.url(), email).await;
        ada.at(&second.url()).list("").await.expect(200);
    }
}

/// A server that was given another secret, and on which a password hash costs something else.
pub(super) async fn reseal(database: &Database, email: &str) {
    let clock = Clock::manual(START);
    let started = TestApp::on(database.connection.clone(), clock, |config| {
        configure(config);
        config.previous_secrets = config.secret.take().into_iter().collect();
        config.secret = Some(Secret::parse("another secret of thirty-two characters").unwrap());
        config.passwords.iterations += 1;
    });
    let mut server = started.await.unwrap();
    TestUser::sign_in(&server.url(), email).await;
    server.stop().await;
}

/// Reads of the past: an earlier version of a list, and the changes since.
pub(super) async fn history(database: &Database) {
    let pool = Pool::new(&database.connection, "readers", 1).unwrap();
    let (appender, _) = appender::channel(postgres::appender(pool.clone(), Projections::default()));
    let log = EventLog::new(pool, appender, Clock::manual(START), resources());
    let link = database.connection.connect().await.unwrap();
    let lists = "select stream from snapshots where stream like 'tasks-%' and kept limit 1";
    let stream: String = link.client.query_one(lists, &[]).await.unwrap().get(0);
    let stream = StreamName::stored(&stream);
    assert!(read_model::holds_any(&link).await.unwrap());
    assert_eq!(log.hydrate_at::<TaskList>(&stream, 5).await.unwrap().version, 5);
    assert_eq!(log.read_stream(&stream, 5, 2).await.unwrap().len(), 2);
}

/// Waits until a server has read what it heard of another one.
pub(super) async fn followed(database: &Database) {
    seen(database, "from events where position > $1").await;
}

/// Lets the first days of idempotency keys be over, and waits until they are dropped.
pub(super) async fn drop_days(database: &Database) {
    let mut server = server(database).await;
    server.clock().advance(5 * DAY);
    seen(database, "idempotency_keys_drop").await;
    server.stop().await;
}

async fn seen(database: &Database, text: &str) {
    until(text, async || database.plans().iter().any(|plan| plan.statement.contains(text))).await;
}
