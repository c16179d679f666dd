//! Many at once, and two servers on one database.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use keyfold::base::clock::Clock;
use reqwest::Method;
use serde_json::json;

use crate::support::app::{START, TestApp, two_servers};
use crate::support::locked::Locked;
use crate::support::user::{PASSWORD, TestUser};

#[tokio::test(flavor = "multi_thread")]
async fn twenty_parallel_creates_for_one_user_all_arrive_once_each() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let created = join_all((0..20).map(|number| {
        let ada = &ada;
        async move {
            ada.create_task(&format!("task {number}")).await["id"].as_str().unwrap().to_owned()
        }
    }))
    .await;
    assert_eq!(created.iter().collect::<HashSet<_>>().len(), 20);
    let mut expected: Vec<_> = (0..20).map(|number| format!("task {number}")).collect();
    expected.sort();
    for _ in 0..2 {
        let mut titles = ada.titles().await;
        titles.sort();
        assert_eq!(titles, expected);
        app.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_sign_ups_with_one_address_make_one_account() {
    let app = TestApp::spawn().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    let replies = join_all((0..12).map(|_| app.post("/api/auth/signup").json(&body).send())).await;
    let made: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(made.len(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        reply.expect_problem(
            409,
            "EMAIL_TAKEN",
            "An account with this email address exists already",
        );
    }
    assert_eq!(app.dump("users").await.lines().count(), 1);
    assert_eq!(app.dump("credentials").await.lines().count(), 1);
    let events = "select count(*)::text from events where type = 'AccountCreated'";
    assert_eq!(app.query_text(events).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_read_is_answered_while_the_actor_of_its_list_is_busy() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.create_task("Milk").await;
    assert_eq!(ada.titles().await, ["Milk"]);

    let lock = Locked::new(&app.connection()).await;
    let mut creation = pin!(ada.create_task("Bread"));
    lock.holds_up(1, creation.as_mut()).await;
    assert_eq!(ada.titles().await, ["Milk"]);
    lock.release().await;
    creation.await;
    assert_eq!(ada.titles().await, ["Milk", "Bread"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_database_never_corrupt_a_stream() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let here_and_there = [ada.at(&first.url()), ada.at(&second.url())];
    let shared = ada.create_task("shared").await;
    let path = ada.tasks(&format!("/{}", shared["id"].as_str().unwrap()));

    let writers = (0..60).map(|number| {
        let (user, path) = (&here_and_there[number % 2], &path);
        async move {
            let done = json!({"title": format!("shared {number}")});
            match number % 3 {
                0 => user.request(Method::PATCH, path).json(&done).send().await,
                _ => user.create(&json!({"title": format!("task {number}")})).await,
            }
        }
    });
    let replies = join_all(writers).await;
    let acknowledged = replies.iter().filter(|reply| reply.status == 201).count();
    for reply in &replies {
        assert!([200, 201, 503].contains(&reply.status.as_u16()), "{}", reply.text);
    }
    assert!(acknowledged > 0);

    // One history without a hole, and both servers tell it.
    let versions = "select (count(*) = max(version) and count(*) = count(distinct version))::text
                    from events where stream like 'tasks-%'";
    assert_eq!(first.query_text(versions).await, "true");
    let titles = here_and_there[0].titles().await;
    assert_eq!(titles, here_and_there[1].titles().await);
    assert_eq!(titles.len(), 1 + acknowledged);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_answers_as_done_the_other_knows() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let there = ada.at(&second.url());
    for number in 0..30 {
        let (writer, reader) = if number % 2 == 0 { (&ada, &there) } else { (&there, &ada) };
        writer.create_task(&format!("task {number}")).await;
        assert_eq!(
            reader.titles().await.len(),
            number + 1,
            "a stale read after an acknowledged write"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_signed_out_on_one_server_is_refused_by_the_other_at_once() {
    let (first, second) = two_servers().await;
    for number in 0..10 {
        let ada = first.sign_up(&format!("ada{number}@example.com")).await;
        let there = ada.at(&second.url());
        there.list("").await.expect(200);
        ada.sign_out().await.expect(200);
        there.list("").await.expect_problem(401, "SESSION_ENDED", "The session has ended");
        let reply = second.get("/api/auth/session").bearer(&ada.session_token).send().await;
        reply.expect_problem(401, "SESSION_ENDED", "The session has ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begun_on_one_server_is_ended_by_the_other() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    for _ in 0..10 {
        // The second server has the user's sessions in memory, but not yet this one.
        let newer = TestUser::sign_in(&first.url(), &ada.email).await;
        newer.at(&second.url()).sign_out().await.expect(200);
        for server in [&first, &second] {
            let reply = newer.at(&server.url()).list("").await;
            reply.expect_problem(401, "SESSION_ENDED", "The session has ended");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_signed_by_a_key_that_is_new_on_one_server_is_accepted_by_the_other() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    for _ in 0..5 {
        first.running().features().keys.rotate().await.unwrap();
        let newer = TestUser::sign_in(&first.url(), &ada.email).await;
        newer.at(&second.url()).list("").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_single_node_server_is_refused_with_what_to_do() {
    let mut first = TestApp::spawn().await;
    let second = TestApp::on(first.connection(), Clock::manual(START), |_| ()).await;
    let schema = first.query_text("select current_schema()::text").await;
    let since = format!("to_char(since, '{}')", r#"YYYY-MM-DD"T"HH24:MI:SS.MS"Z""#);
    let holder = format!(
        "select format('process %s on %s, from a Unix socket since %s', process, host, {since}) from nodes"
    );
    let holder = first.query_text(&holder).await;
    let expected = format!(
        "another Keyfold server already uses this database (schema {schema}): {holder}. Stop it first, or start every server \
         that shares the database with KEYFOLD_CLUSTER=true."
    );
    assert_eq!(second.err().map(|error| error.to_string()), Some(expected));
    let joining = TestApp::on(first.connection(), Clock::manual(START), |config| {
        config.database.cluster = true;
    })
    .await;
    assert!(joining.is_err(), "a cluster node does not join a single-node server either");
    first.get("/health/ready").send().await.expect(200);
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_its_place_answers_nothing_until_it_has_caught_up() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    // Ends every connection of this server, as a database that restarts does.
    let link = app.connection().connect().await.unwrap();
    let schema: String =
        link.client.query_one("select current_schema()::text", &[]).await.unwrap().get(0);
    let holders = "select pid from pg_locks where locktype = 'advisory' and objid =
                   (hashtextextended('keyfold-node:' || $1, 0) & 4294967295)::bigint::oid";
    let pid: i32 = link.client.query_one(holders, &[&schema]).await.unwrap().get(0);
    link.client.execute("select pg_terminate_backend($1)", &[&pid]).await.unwrap();

    // Answers meanwhile are right or 503; in the end all are right again.
    let mut moments = tokio::time::interval(Duration::from_millis(10));
    let back = async {
        let mut refused = 0;
        loop {
            moments.tick().await;
            let reply = ada.list("").await;
            match reply.status.as_u16() {
                503 => refused += 1,
                200 if refused > 0 => return,
                200 => {}
                _ => panic!("{}", reply.text),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), back)
        .await
        .expect("the server follows the log again");
    app.get("/health/ready").send().await.expect(200);
}
