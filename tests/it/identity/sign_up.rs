//! The cost of a sign-up that is refused: one look-up, and no resource that other requests need.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::{TestApp, two_servers};
use crate::support::process::{DataDirectory, Keyfold};
use crate::support::user::{PASSWORD, TestUser};

/// Counts the rows that are offered to the log, those of refused batches too: a sequence is never rolled back.
const COUNT_ATTEMPTS: &str = "\
create sequence attempts;
create function count_attempt() returns trigger language plpgsql as
    $$ begin perform nextval('attempts'); return new; end $$;
create trigger count_attempts before insert on events for each row execute function count_attempt()";

/// Number of rows offered to the log, and number of rows in it.
const ATTEMPTS: &str = "\
select (select case when is_called then last_value else 0 end from attempts) || ' of '
    || (select count(*) from events where type in ('AccountCreated', 'SessionStarted'))";

async fn sign_up(app: &TestApp, email: &str) -> u16 {
    let body = json!({"email": email, "password": PASSWORD, "name": "Eve"});
    app.post("/api/auth/signup").json(&body).send().await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_with_a_taken_address_appends_nothing() {
    let app = TestApp::spawn().await;
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute(COUNT_ATTEMPTS).await.unwrap();
    app.sign_up("ada@example.com").await;
    for _ in 0..5 {
        assert_eq!(sign_up(&app, "Ada@example.com").await, 409);
    }
    assert_eq!(app.query_text(ATTEMPTS).await, "2 of 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sign_ups_that_race_for_an_address_on_one_server_one_appends() {
    let app = TestApp::spawn().await;
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute(COUNT_ATTEMPTS).await.unwrap();
    let racing = (0..20).map(|_| sign_up(&app, "ada@example.com"));
    let mut answers = join_all(racing).await;
    answers.sort_unstable();
    assert_eq!((answers[0], &answers[1..]), (201, [409; 19].as_slice()));
    assert_eq!(app.query_text(ATTEMPTS).await, "2 of 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sign_ups_that_race_for_an_address_on_two_servers_one_succeeds() {
    let (first, second) = two_servers().await;
    for round in 0..5 {
        let email = format!("ada{round}@example.com");
        let racing = (0..8).map(|number| sign_up([&first, &second][number % 2], &email));
        let mut answers = join_all(racing).await;
        answers.sort_unstable();
        assert_eq!((answers[0], &answers[1..]), (201, [409; 7].as_slice()));
    }
    assert_eq!(first.dump("users").await.lines().count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_with_a_taken_address_hashes_no_password_and_seats_no_actor() {
    let data = DataDirectory::new("taken");
    let server = Keyfold::in_directory(&data).serve().await;
    TestUser::sign_up(&server.url, "ada@example.com").await;
    for _ in 0..5 {
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Eve"});
        server.post("/api/auth/signup").json(&body).send().await.expect(409);
    }
    let metrics = reqwest::get(&server.metrics).await.unwrap().text().await.unwrap();
    let number = |start: &str, label: &str| {
        let line = metrics.lines().find(|line| line.starts_with(start) && line.contains(label));
        line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    let hashed = number("keyfold_password_hash_duration_seconds_count", "\"hash\"");
    let active = number("keyfold_actors_alive", "\"account\"");
    assert_eq!((hashed.as_deref(), active.as_deref()), (Some("1"), Some("1")), "{metrics}");
    server.stop().await;
}
