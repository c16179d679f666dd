//! Changing the password: credentials that are refused from then on, and those that stay valid.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{ANOTHER, PROOFS, change_password, context, cookie, history, sign_in};
use crate::identity::revocation::{assert_ended, assert_live};
use crate::identity::sessions::{self, ended};
use crate::support::app::{Reply, START, TestApp, two_servers};
use crate::support::user::{PASSWORD, TestUser};

const WRONG: (&str, &str, &str) = ("currentPassword", "CURRENT_PASSWORD_INVALID", "is not right");

/// The ends of sessions in the log, in the order of their sessions.
async fn ends(app: &TestApp) -> Vec<Value> {
    let history = sessions::history(app).await;
    let events = history.as_array().unwrap().iter();
    sorted(events.filter(|event| event[0] == "SessionEnded").cloned().collect())
}

fn sorted(mut ends: Vec<Value>) -> Vec<Value> {
    ends.sort_by_key(|event| event[1]["sessionId"].as_str().unwrap().to_owned());
    ends
}

fn all_ended<'a>(users: impl IntoIterator<Item = &'a TestUser>) -> Vec<Value> {
    sorted(users.into_iter().map(|user| ended(user, "passwordChanged")).collect())
}

/// The user whom an answer signed in.
fn signed_in(app: &TestApp, reply: &Reply) -> TestUser {
    TestUser::signed_in(&app.url(), &reply.expect(200))
}

async fn assert_signs_in(app: &TestApp, email: &str, password: &str) -> TestUser {
    signed_in(app, &sign_in(app, email, password).await)
}

async fn assert_signs_nobody_in(app: &TestApp, email: &str, password: &str) {
    let refused = sign_in(app, email, password).await;
    refused.expect_problem(401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password");
}

/// The user whom the answer to a browser signed in; fails if the body has anything else.
#[track_caller]
fn signed_in_anew(app: &TestApp, before: &TestUser, reply: &Reply) -> TestUser {
    let anew = signed_in(app, reply);
    let now = app.clock().now();
    let expected = json!({
        "user": {
            "id": before.id, "email": before.email, "emailVerified": false, "name": "Ada Lovelace",
            "createdAt": START.to_string(), "updatedAt": START.to_string(),
        },
        "session": {
            "id": anew.session_id, "userId": before.id, "token": anew.session_token,
            "createdAt": now.to_string(), "updatedAt": now.to_string(),
            "expiresAt": now.after(Duration::from_hours(7 * 24)).to_string(), "userAgent": "browser",
        },
        "token": anew.token, "tokenType": "Bearer", "expiresIn": 900,
    });
    assert_eq!(reply.json(), expected);
    let kept = format!("{}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax", cookie(&anew));
    assert_eq!(reply.header("set-cookie"), kept);
    assert_ne!(anew.session_id, before.session_id);
    anew
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_alone_signs_in_and_ends_all_sessions_but_a_new_one_of_whoever_asked() {
    let app = TestApp::spawn().await;
    let eve = app.sign_up("eve@example.com").await;
    let mut ada = app.sign_up("ada@example.com").await;
    let passwords = [PASSWORD, ANOTHER, " третий пароль "];
    let mut gone = Vec::new();
    for (prove, password) in PROOFS.into_iter().zip(passwords.windows(2)) {
        app.clock().advance(Duration::from_secs(1));
        let other = assert_signs_in(&app, &ada.email, password[0]).await;
        let change = change_password(&app, password[0], password[1]);
        let reply = prove(change.header("user-agent", "browser"), &ada).send().await;
        assert_ended(&app, &ada).await;
        assert_ended(&app, &other).await;
        let anew = signed_in_anew(&app, &ada, &reply);
        assert_live(&app, &anew).await;
        assert_signs_nobody_in(&app, &ada.email, password[0]).await;
        gone.extend([ada, other]);
        ada = anew;
    }
    gone.push(ada);
    ada = assert_signs_in(&app, "ada@example.com", passwords[2]).await;
    assert_live(&app, gone.last().unwrap()).await;
    assert_live(&app, &ada).await;
    assert_live(&app, &eve).await;
    assert_eq!(ends(&app).await, all_ended(&gone[..4]));
    assert_signs_in(&app, "eve@example.com", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_names_both_credentials_and_holds_no_secret() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let credential = "select credential_id::text from credentials";
    let before = app.query_text(credential).await;
    app.clock().advance(Duration::from_secs(1));
    let changed = change_password(&app, PASSWORD, ANOTHER).bearer(&ada.session_token).send().await;
    let anew = signed_in(&app, &changed);
    // One row: that of the password before is gone.
    let after = app.query_text(credential).await;
    assert_ne!(before, after);
    assert_eq!(app.query_text("select credential_id::text from users").await, after);
    let data = json!({
        "credentialId": after, "previousCredentialId": before,
        "changedAt": START.after(Duration::from_secs(1)).to_string(),
    });
    assert_eq!(history(&app).await, [json!(["PasswordChanged", data, context(&ada)])]);
    let contexts = "select json_agg(context - 'traceparent')::text from events
                    where stream like 'session-%' and recorded_at > timestamptz '2026-01-01'";
    let contexts: Value = serde_json::from_str(&app.query_text(contexts).await).unwrap();
    assert_eq!(contexts, json!([context(&ada), context(&ada)]));
    let phc = app.query_text("select phc from credentials").await;
    assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{phc}");
    let stored = [app.dump("events").await, app.dump("users").await, app.dump("sessions").await];
    for secret in [PASSWORD, ANOTHER, "argon2", &phc, &anew.session_token, &anew.token] {
        assert!(!stored.concat().contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_current_password_changes_nothing_and_signs_nobody_out() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.sign_up("eve@example.com").await;
    let before = app.dump("credentials").await;
    let shouted = PASSWORD.to_uppercase();
    for wrong in ["", "not the password", " ", &shouted, ANOTHER, &"é".repeat(128)] {
        let change = change_password(&app, wrong, ANOTHER).header("cookie", &cookie(&ada));
        let reply = change.send().await;
        reply.expect_invalid(&[WRONG]);
        assert_eq!((reply.header("www-authenticate"), reply.header("set-cookie")), ("", ""));
    }
    assert_live(&app, &ada).await;
    assert_signs_in(&app, &ada.email, PASSWORD).await;
    assert_eq!(app.dump("credentials").await, before);
    assert_eq!(history(&app).await, Vec::<Value>::new());
    assert_eq!(ends(&app).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_change_is_said_at_once() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let short = ("newPassword", "NEW_PASSWORD_TOO_SHORT", "must have at least 8 characters");
    let same = ("newPassword", "NEW_PASSWORD_INVALID", "must differ from the current one");
    let long = ("newPassword", "NEW_PASSWORD_TOO_LONG", "must have at most 128 characters");
    let endless =
        ("currentPassword", "CURRENT_PASSWORD_TOO_LONG", "must have at most 128 characters");
    let (seven, many) = (&*"é".repeat(7), &*"é".repeat(129));
    for (current, new, problems) in [
        (PASSWORD, seven, &[short] as &[_]),
        (PASSWORD, many, &[long]),
        (PASSWORD, PASSWORD, &[same]),
        // The message that both passwords are equal is only for a caller that knows the current one.
        ("not the password", "not the password", &[WRONG]),
        ("not the password", PASSWORD, &[WRONG]),
        ("not the password", seven, &[WRONG, short]),
        (many, ANOTHER, &[endless]),
        (many, "", &[endless, short]),
    ] {
        let reply = change_password(&app, current, new).bearer(&ada.session_token).send().await;
        reply.expect_invalid(problems);
    }
    let known = "is not known, expected `currentPassword` or `newPassword`";
    let kind = "invalid type: null, expected a string";
    for (body, problem) in [
        (
            json!({"newPassword": ANOTHER}),
            ("currentPassword", "CURRENT_PASSWORD_MISSING", "is missing"),
        ),
        (
            json!({"currentPassword": PASSWORD}),
            ("newPassword", "NEW_PASSWORD_MISSING", "is missing"),
        ),
        (
            json!({"currentPassword": PASSWORD, "newPassword": null}),
            ("newPassword", "NEW_PASSWORD_WRONG_TYPE", kind),
        ),
        (json!({"password": ANOTHER}), ("password", "MEMBER_UNKNOWN", known)),
    ] {
        let reply =
            app.post("/api/auth/password").bearer(&ada.session_token).json(&body).send().await;
        reply.expect_invalid(&[problem]);
    }
    assert_live(&app, &ada).await;
    assert_eq!(history(&app).await, Vec::<Value>::new());
    for shortest_and_longest in ["é".repeat(8), "é".repeat(128)] {
        let ada = assert_signs_in(&app, &ada.email, PASSWORD).await;
        let there =
            change_password(&app, PASSWORD, &shortest_and_longest).bearer(&ada.session_token);
        let ada = signed_in(&app, &there.send().await);
        let back =
            change_password(&app, &shortest_and_longest, PASSWORD).bearer(&ada.session_token);
        back.send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_refuses_what_was_before_a_change_at_once_and_after_a_restart() {
    let (mut first, mut second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let mut gone = vec![TestUser::sign_in(&second.url(), &ada.email).await, ada];
    let mut passwords = [PASSWORD, ANOTHER];
    for number in 0..6 {
        let [here, there] = if number % 2 == 0 { [&first, &second] } else { [&second, &first] };
        let ada = gone.last().unwrap().clone();
        for server in [here, there] {
            assert_live(server, &ada).await;
        }
        let change = change_password(here, passwords[0], passwords[1]).bearer(&ada.session_token);
        let anew = signed_in(here, &change.send().await);
        for server in [there, here] {
            for user in &gone {
                assert_ended(server, user).await;
            }
            assert_live(server, &anew).await;
            assert_signs_nobody_in(server, &ada.email, passwords[0]).await;
        }
        gone.push(assert_signs_in(there, &ada.email, passwords[1]).await);
        gone.push(anew);
        passwords.reverse();
    }
    let last = gone.split_off(gone.len() - 2);
    assert_eq!(ends(&first).await, all_ended(&gone));
    first.stop().await;
    second.restart().await;
    first.restart().await;
    for server in [&first, &second] {
        for user in &gone {
            assert_ended(server, user).await;
        }
        for user in &last {
            assert_live(server, user).await;
        }
        assert_signs_nobody_in(server, "ada@example.com", passwords[1]).await;
        assert_signs_in(server, "ada@example.com", passwords[0]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_changes_at_once_one_is_made() {
    let (first, second) = two_servers().await;
    for round in 0..5 {
        let ada = first.sign_up(&format!("ada{round}@example.com")).await;
        let changes = (0..8).map(|number| {
            let server = [&first, &second][number % 2];
            change_password(server, PASSWORD, &format!("the new one {number}"))
                .bearer(&ada.session_token)
                .send()
        });
        let replies = join_all(changes).await;
        let made: Vec<_> = (0..8).filter(|number| replies[*number].status == 200).collect();
        assert_eq!(made.len(), 1, "{replies:?}");
        for reply in replies.iter().filter(|reply| reply.status != 200) {
            // Requests that arrive later find the session ended.
            if reply.status == 401 {
                reply.expect_problem(401, "SESSION_ENDED", "The session has ended");
            } else {
                reply.expect_invalid(&[WRONG]);
            }
        }
        let anew = signed_in(&first, &replies[made[0]]);
        for server in [&first, &second] {
            assert_ended(server, &ada).await;
            assert_live(server, &anew).await;
            assert_signs_nobody_in(server, &ada.email, PASSWORD).await;
        }
        assert_signs_in(&second, &ada.email, &format!("the new one {}", made[0])).await;
        assert_eq!(history(&first).await.len(), round + 1);
    }
    let stray = "select count(*)::text from credentials
                 where not exists (select from users where users.credential_id = credentials.credential_id)";
    assert_eq!(first.query_text(stray).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_that_the_old_password_began_meanwhile_outlives_a_change() {
    let (first, second) = two_servers().await;
    for round in 0..20 {
        let ada = first.sign_up(&format!("ada{round}@example.com")).await;
        let sign_ins = (0..6).map(|number| {
            let server = [&first, &second][number % 2];
            sign_in(server, &ada.email, PASSWORD)
        });
        let change = change_password(&first, PASSWORD, ANOTHER).bearer(&ada.session_token).send();
        let (changed, replies) = tokio::join!(change, join_all(sign_ins));
        // Two servers that write the sessions of one user may conflict.
        let anew = if changed.status == 200 {
            signed_in(&first, &changed)
        } else {
            assert_eq!(changed.expect(503)["code"], "PASSWORD_CHANGED_ONLY");
            assert_signs_in(&first, &ada.email, ANOTHER).await
        };
        for reply in &replies {
            match reply.status.as_u16() {
                200 => assert_ended(&first, &signed_in(&first, reply)).await,
                503 => assert_eq!(reply.json()["code"], "OVERLOADED"),
                _ => {
                    let message = "Invalid email or password";
                    reply.expect_problem(401, "INVALID_EMAIL_OR_PASSWORD", message);
                }
            }
        }
        let sessions = second.get("/api/auth/sessions").bearer(&anew.session_token).send().await;
        let sessions = sessions.expect(200);
        let sessions = sessions["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 1, "{sessions:?}");
    }
}
