//! `keyfold users delete`: refusals afterwards, on every server, and the data that remains.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{SECRET, TestRequest};
use crate::support::process::{ExternalDatabase, Keyfold, PUBLIC_URL, Server, dump, until};
use crate::support::user::{PASSWORD, TestUser};

const GONE: (u16, &str, &str) =
    (401, "USER_DELETED", "The user of the access token has been deleted");
const ENDED: (u16, &str, &str) = (401, "SESSION_ENDED", "The session has ended");

fn with_session_token(server: &Server, user: &TestUser) -> TestRequest {
    server.get("/api/auth/token").bearer(&user.session_token)
}

/// Nothing is accepted from the user: their access tokens say why, and a session token that names no user any more gets a
/// general answer.
async fn assert_gone(server: &Server, user: &TestUser) {
    let (status, code, message) = GONE;
    user.at(&server.url).list("").await.expect_problem(status, code, message);
    let session = server.get("/api/auth/session").bearer(&user.token).send().await;
    session.expect_problem(status, code, message);
    let challenge = "Bearer realm=\"keyfold\", error=\"invalid_token\", \
                     error_description=\"the user of the access token has been deleted\"";
    assert_eq!(session.header("www-authenticate"), challenge);
    user.at(&server.url).sign_out().await.expect(200);
    let (status, code, message) = ENDED;
    with_session_token(server, user).send().await.expect_problem(status, code, message);
    let body = json!({"email": user.email, "password": PASSWORD});
    let signed_in = server.post("/api/auth/signin").json(&body).send().await;
    let message = "Invalid email or password";
    signed_in.expect_problem(401, "INVALID_EMAIL_OR_PASSWORD", message);
}

/// Type and data of every event of a stream.
async fn events(keyfold: &Keyfold, stream: &str) -> Vec<(String, Value)> {
    let printed = keyfold.print(&["events", "--stream", stream]).await;
    let events = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .map(|event| (event["type"].as_str().unwrap().to_owned(), event["data"].clone()))
        .collect()
}

/// Waits until a server has heard of the deletion, and answers the session token with this code.
async fn until_gone(server: &Server, user: &TestUser, code: &str) {
    until("the server hears of the deletion", async || {
        let reply = with_session_token(server, user).send().await;
        reply.status == 401 && reply.json()["code"] == code
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_is_refused_at_once_and_their_address_is_free_again() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = keyfold.serve().await;
    let grace = TestUser::sign_up(&server.url, "grace@example.com").await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let again = TestUser::sign_in(&server.url, "ada@example.com").await;
    ada.create_task("Milk").await;

    let printed = keyfold.print(&["users", "delete", "Ada@Example.com"]).await;
    let expected = format!(
        "ada@example.com is deleted (user {}, sessions ended: 2): \
         the address may be signed up with again\n",
        ada.id
    );
    assert_eq!(printed, expected);
    for user in [&ada, &again] {
        until_gone(&server, user, ENDED.1).await;
        assert_gone(&server, user).await;
    }
    let account = events(&keyfold, &format!("account-{}", ada.id)).await;
    let [(created, profile), (deleted, data)] = &account[..] else { panic!("{account:?}") };
    assert_eq!([created, deleted], ["AccountCreated", "AccountDeleted"]);
    let credential = &profile["credentialId"];
    assert_eq!(*data, json!({"credentialId": credential, "deletedAt": data["deletedAt"]}));
    let sessions = events(&keyfold, &format!("session-{}", ada.id)).await;
    let ends: Vec<_> = sessions.into_iter().filter(|(name, _)| name == "SessionEnded").collect();
    let expected = [&ada, &again].map(|user| {
        let data = json!({"sessionId": user.session_id, "reason": "userDeleted"});
        ("SessionEnded".to_owned(), data)
    });
    assert_eq!(ends, expected);

    let anew = TestUser::sign_up(&server.url, "ada@example.com").await;
    assert_ne!(anew.id, ada.id);
    assert_eq!(anew.titles().await, Vec::<String>::new());
    grace.list("").await.expect(200);
    let (status, code, message) = GONE;
    ada.list("").await.expect_problem(status, code, message);
    let tables = ["users", "sessions", "credentials"];
    let before = dump(&database.connection, &tables).await;
    assert_eq!(before.iter().map(|rows| rows.lines().count()).collect::<Vec<_>>(), [2, 2, 2]);
    server.stop().await;

    keyfold.print(&["replay"]).await;
    assert_eq!(dump(&database.connection, &tables).await, before);
    let server = keyfold.serve().await;
    ada.at(&server.url).list("").await.expect_problem(status, code, message);
    anew.at(&server.url).list("").await.expect(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_of_a_cluster_refuses_a_deleted_user_at_the_next_request() {
    let database = ExternalDatabase::new().await;
    let node = database.keyfold(SECRET).set("KEYFOLD_CLUSTER", "true");
    let node = node.set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let (first, second) = tokio::join!(node.serve(), node.serve());
    let ada = TestUser::sign_up(&first.url, "ada@example.com").await;
    for server in [&first, &second] {
        ada.at(&server.url).list("").await.expect(200);
    }
    node.print(&["users", "delete", "ada@example.com"]).await;
    for server in [&first, &second] {
        assert_gone(server, &ada).await;
    }
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_was_interrupted_leaves_nothing_accepted_and_is_finished_when_run_again() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    // The log takes the end of the account, and not that of its session.
    let refuse = "
        create function refuse() returns trigger language plpgsql as
            $$ begin raise exception 'not now' using errcode = 'KF009'; end $$;
        create trigger refuse_ends before insert on events for each row
            when (new.type = 'SessionEnded') execute function refuse()";
    let link = database.connection.connect().await.unwrap();
    link.client.batch_execute(refuse).await.unwrap();
    let delete = ["users", "delete", "ada@example.com"];
    let interrupted = keyfold.run(&delete).await;
    assert_eq!((interrupted.code, interrupted.out.as_str()), (Some(1), ""), "{interrupted:?}");
    assert_eq!(dump(&database.connection, &["sessions"]).await[0].lines().count(), 1);
    until_gone(&server, &ada, GONE.1).await;
    let (status, code, message) = GONE;
    ada.list("").await.expect_problem(status, code, message);
    with_session_token(&server, &ada).send().await.expect_problem(status, code, message);

    link.client.batch_execute("drop trigger refuse_ends on events").await.unwrap();
    let finished = "there is no user with the address ada@example.com; \
                    sessions ended of users deleted before: 1\n";
    assert_eq!(keyfold.print(&delete).await, finished);
    assert_eq!(dump(&database.connection, &["sessions"]).await, [""]);
    until_gone(&server, &ada, ENDED.1).await;
    assert_gone(&server, &ada).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_has_is_said_to_be_unknown() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    keyfold.print(&["migrate"]).await;
    for (address, said) in [
        ("nobody@example.com", "there is no user with the address nobody@example.com"),
        (
            "nobody",
            "invalid email address: \
             it must be an email address such as ada@example.com",
        ),
    ] {
        let ended = keyfold.run(&["users", "delete", address]).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.err.ends_with(&format!("keyfold: {said}\n")), "{ended:?}");
    }
    assert_eq!(dump(&database.connection, &["events"]).await, [""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_idempotency_keys_and_snapshots_of_a_deleted_user_go_and_those_of_others_stay() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = keyfold.serve().await;
    let grace = TestUser::sign_up(&server.url, "grace@example.com").await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    for user in [&grace, &ada] {
        let create = user.request(Method::POST, &user.tasks("")).header("idempotency-key", "one");
        create.json(&json!({"title": "Milk"})).send().await.expect(201);
    }
    // Entities that leave memory leave a snapshot.
    server.stop().await;
    keyfold.print(&["users", "delete", "ada@example.com"]).await;
    let link = database.connection.connect().await.unwrap();
    let texts = async |query: &str| -> Vec<String> {
        let rows = link.client.query(query, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(texts("select owner::text from idempotency_keys").await, [grace.id.as_str()]);
    let snapshots = "select stream from snapshots where stream like 'tasks-%'";
    assert_eq!(texts(snapshots).await, [format!("tasks-{}", grace.id)]);
}
