//! `keyfold users list`, `keyfold users show` and `keyfold sessions list`, beside a running server and without one.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::SECRET;
use crate::support::process::{ExternalDatabase, Keyfold, PUBLIC_URL};
use crate::support::user::{PASSWORD, TestUser};

async fn objects(keyfold: &Keyfold, arguments: &[&str]) -> Vec<Value> {
    let printed = keyfold.print(&[arguments, &["--json"]].concat()).await;
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Asserts that the output has no token and no password.
#[track_caller]
fn assert_keeps_secrets(printed: &str, user: &TestUser) {
    for secret in
        [&user.session_token, &user.token, PASSWORD, "argon2", "token", "hash", "credential"]
    {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_user_is_listed_in_the_order_of_their_addresses_however_many_there_are() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    keyfold.print(&["migrate"]).await;
    assert_eq!(keyfold.print(&["users", "list"]).await, "");
    // More than are read at once.
    let many = "insert into users (id, email, name, credential_id, created_at, updated_at)
                select gen_random_uuid(), format('user-%s@example.com', to_char(number, 'FM0000')), 'Somebody',
                       gen_random_uuid(), '2026-01-01Z', '2026-01-01Z' from generate_series(1, 2500) as number";
    database.connection.connect().await.unwrap().client.batch_execute(many).await.unwrap();
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let account = server.get("/api/auth/session").bearer(&ada.token).send().await.expect(200);

    let listed = objects(&keyfold, &["users", "list"]).await;
    let created_at = &account["user"]["createdAt"];
    let first = json!({"id": ada.id, "email": "ada@example.com", "name": account["user"]["name"], "createdAt": created_at});
    assert_eq!(listed[0], first);
    let addresses: Vec<_> = listed.iter().map(|user| user["email"].as_str().unwrap()).collect();
    assert_eq!((addresses.len(), addresses[2500]), (2501, "user-2500@example.com"));
    assert!(addresses.is_sorted());

    let printed = keyfold.print(&["users", "list"]).await;
    let text = |name| account["user"][name].as_str().unwrap();
    let line = format!("{}  {}  ada@example.com  {}", ada.id, text("createdAt"), text("name"));
    assert_eq!((printed.lines().next(), printed.lines().count()), (Some(&*line), 2501));
    assert_keeps_secrets(&printed, &ada);
    server.stop().await;
    assert_eq!(objects(&keyfold, &["users", "list"]).await, listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_shown_with_what_an_operator_looks_for() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = keyfold.serve().await;
    TestUser::sign_up(&server.url, "grace@example.com").await.create_task("Tea").await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    TestUser::sign_in(&server.url, "ada@example.com").await;
    let last = TestUser::sign_in(&server.url, "ada@example.com").await;
    let session = server.get("/api/auth/session").bearer(&last.token).send().await.expect(200);
    last.sign_out().await.expect(200);
    let milk = ada.create_task("Milk").await;
    ada.create_task("Bread").await;
    let path = ada.tasks(&format!("/{}", milk["id"].as_str().unwrap()));
    ada.request(Method::PATCH, &path).json(&json!({"completed": true})).send().await.expect(200);

    let shown = objects(&keyfold, &["users", "show", "Ada@Example.com"]).await;
    let (user, began) = (&session["user"], session["session"]["createdAt"].as_str().unwrap());
    let [shown] = &shown[..] else { panic!("{shown:?}") };
    // The time of an event may be later than that of the change in it.
    let last_sign_in = shown["lastSignInAt"].as_str().unwrap();
    assert!(last_sign_in >= began && last_sign_in[..16] == began[..16], "{last_sign_in} {began}");
    let expected = json!({
        "id": ada.id, "email": "ada@example.com", "emailVerified": false, "name": user["name"],
        "createdAt": user["createdAt"], "updatedAt": user["updatedAt"], "lastSignInAt": last_sign_in,
        "sessions": 2, "tasks": 2, "tasksCompleted": 1,
    });
    assert_eq!(*shown, expected);
    let printed = keyfold.print(&["users", "show", "ada@example.com"]).await;
    let at = |name: &str| shown[name].as_str().unwrap();
    let expected = format!(
        "id            {}\nemail         ada@example.com (not verified)\nname          {}\n\
         signed up     {}\nlast changed  {}\nlast sign-in  {last_sign_in}\nsessions      2\n\
         tasks         2, completed: 1\n",
        ada.id,
        at("name"),
        at("createdAt"),
        at("updatedAt"),
    );
    assert_eq!(printed, expected);
    assert_keeps_secrets(&printed, &ada);
    server.stop().await;
    assert_eq!(keyfold.print(&["users", "show", "ada@example.com"]).await, printed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_a_user_are_listed_as_the_user_sees_them_and_never_their_tokens() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = keyfold.serve().await;
    TestUser::sign_up(&server.url, "grace@example.com").await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let gone = TestUser::sign_in(&server.url, "ada@example.com").await;
    gone.sign_out().await.expect(200);
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let odd = server.post("/api/auth/signin").header("user-agent", "curl \"x\"").json(&body);
    odd.send().await.expect(200);

    let seen = server.get("/api/auth/sessions").bearer(&ada.session_token).send().await.expect(200);
    let mut seen = seen["sessions"].as_array().unwrap().clone();
    for session in &mut seen {
        session.as_object_mut().unwrap().remove("current");
    }
    let arguments = ["sessions", "list", "ada@example.com"];
    assert_eq!(objects(&keyfold, &arguments).await, seen);
    let printed = keyfold.print(&arguments).await;
    assert_eq!(printed.lines().count(), 2, "{printed}");
    let newest = &seen[0];
    let at = |name: &str| newest[name].as_str().unwrap();
    let line = format!(
        "{}  began {}, last seen {}, expires {}  127.0.0.1  curl \\\"x\\\"",
        at("id"),
        at("createdAt"),
        at("lastSeenAt"),
        at("expiresAt"),
    );
    assert_eq!(printed.lines().next(), Some(&*line));
    assert_keeps_secrets(&printed, &ada);

    // Sessions that began with an earlier password are neither accepted nor listed.
    let body = json!({"currentPassword": PASSWORD, "newPassword": "another correct horse"});
    let changed = server.post("/api/auth/password").bearer(&ada.session_token).json(&body).send();
    changed.await.expect(200);
    assert_eq!(objects(&keyfold, &arguments).await.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_has_is_said_to_be_unknown_by_whatever_looks_for_it() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let server = keyfold.serve().await;
    TestUser::sign_up(&server.url, "gone@example.com").await;
    keyfold.print(&["users", "delete", "gone@example.com"]).await;
    server.stop().await;
    for command in [["users", "show"], ["sessions", "list"]] {
        for (address, said) in [
            ("nobody@example.com", "there is no user with the address nobody@example.com"),
            ("gone@example.com", "there is no user with the address gone@example.com"),
            (
                "nobody",
                "invalid email address: it must be an email address such as ada@example.com",
            ),
        ] {
            let ended = keyfold.run(&[command[0], command[1], address]).await;
            assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
            assert!(ended.err.ends_with(&format!("keyfold: {said}\n")), "{ended:?}");
        }
    }
}
