//! A change of the password that is broken off: by a client that goes away, by a database that does not take the rest.

use std::pin::pin;

use serde_json::Value;

use super::{ANOTHER, change_password, history, sign_in};
use crate::identity::revocation::{assert_ended, assert_live};
use crate::identity::sessions;
use crate::support::app::TestApp;
use crate::support::locked::Locked;
use crate::support::process::until;
use crate::support::user::{PASSWORD, TestUser};

/// The log takes no events of this type for a while, as when the database is busy.
async fn refuse(app: &TestApp, event: &str) {
    let refuse = format!(
        "create function refuse() returns trigger language plpgsql as
             $$ begin raise exception 'not now' using errcode = '55P03'; end $$;
         create trigger refuse before insert on events for each row
             when (new.type = '{event}') execute function refuse()"
    );
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute(&refuse).await.unwrap();
}

async fn refuse_no_more(app: &TestApp) {
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute("drop trigger refuse on events").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_second_half_fails_says_that_the_password_is_changed() {
    for event in ["SessionStarted", "SessionEnded"] {
        let app = TestApp::spawn().await;
        let ada = app.sign_up("ada@example.com").await;
        refuse(&app, event).await;
        let reply =
            change_password(&app, PASSWORD, ANOTHER).bearer(&ada.session_token).send().await;
        let message = "The password was changed, and all earlier sessions have ended: sign in";
        reply.expect_problem(503, "PASSWORD_CHANGED_ONLY", message);
        assert_eq!((reply.header("retry-after"), reply.header("set-cookie")), ("1", ""));
        assert_eq!(history(&app).await.len(), 1);
        assert_ended(&app, &ada).await;
        // That no session can begin does not keep the others from ending.
        let ends = "select count(*)::text from events where type = 'SessionEnded'";
        let are_recorded = if event == "SessionStarted" { "1" } else { "0" };
        assert_eq!(app.query_text(ends).await, are_recorded);

        refuse_no_more(&app).await;
        sign_in(&app, &ada.email, PASSWORD).await.expect(401);
        let again = sign_in(&app, &ada.email, ANOTHER).await.expect(200);
        let again = TestUser::signed_in(&app.url(), &again);
        let end = app.request(reqwest::Method::DELETE, "/api/auth/sessions?except=current");
        end.bearer(&again.session_token).send().await.expect(204);
        assert_ended(&app, &ada).await;
        assert_live(&app, &again).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_log_does_not_take_changes_nothing() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    refuse(&app, "PasswordChanged").await;
    let reply = change_password(&app, PASSWORD, ANOTHER).bearer(&ada.session_token).send().await;
    let message = "The server cannot answer for the moment, try again shortly";
    reply.expect_problem(503, "UNAVAILABLE", message);
    assert_live(&app, &ada).await;
    sign_in(&app, &ada.email, PASSWORD).await.expect(200);
    sign_in(&app, &ada.email, ANOTHER).await.expect(401);
    assert_eq!(app.dump("credentials").await.lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_ends_the_sessions_though_its_client_goes_away() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let other = TestUser::sign_in(&app.url(), &ada.email).await;
    let lock = Locked::new(&app.connection()).await;
    lock.holds_up(
        1,
        pin!(change_password(&app, PASSWORD, ANOTHER).bearer(&ada.session_token).send()),
    )
    .await;
    lock.release().await;
    until("all sessions before have ended", async || {
        let history = sessions::history(&app).await;
        history.as_array().unwrap().iter().filter(|event| event[0] == "SessionEnded").count() == 2
    })
    .await;
    assert_ended(&app, &ada).await;
    assert_ended(&app, &other).await;
    sign_in(&app, &ada.email, PASSWORD).await.expect(401);
    let signed_in = sign_in(&app, &ada.email, ANOTHER).await.expect(200);
    let token = signed_in["session"]["token"].as_str().unwrap();
    let list: Value = app.get("/api/auth/sessions").bearer(token).send().await.expect(200);
    // The session that was not reported to the client has begun nevertheless.
    assert_eq!(list["sessions"].as_array().unwrap().len(), 2, "{list}");
}
