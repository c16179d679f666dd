//! Ending sessions: whose, and what is refused afterwards, on every server and after a restart.

use reqwest::Method;
use serde_json::Value;

use crate::identity::sessions::{ended, history};
use crate::support::app::{Reply, TestApp, TestRequest, two_servers};
use crate::support::user::TestUser;

const CLEARED: &str = "better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax";

fn cookie(user: &TestUser) -> String {
    format!("better-auth.session_token={}", user.session_token)
}

fn delete(app: &TestApp, path: &str) -> TestRequest {
    app.request(Method::DELETE, &format!("/api/auth/sessions{path}"))
}

/// Everything that stands for the session, presented to a server.
async fn presented(app: &TestApp, user: &TestUser) -> [Reply; 4] {
    let session = || app.get("/api/auth/session");
    [
        user.at(&app.url()).list("").await,
        session().header("cookie", &cookie(user)).send().await,
        session().bearer(&user.session_token).send().await,
        app.get("/api/auth/token").header("cookie", &cookie(user)).send().await,
    ]
}

pub async fn assert_live(app: &TestApp, user: &TestUser) {
    for reply in presented(app, user).await {
        reply.expect(200);
    }
}

pub async fn assert_ended(app: &TestApp, user: &TestUser) {
    for reply in presented(app, user).await {
        reply.expect_problem(401, "SESSION_ENDED", "The session has ended");
    }
}

/// The ends in the log, in order.
async fn ends(app: &TestApp) -> Vec<Value> {
    let history = history(app).await;
    let events = history.as_array().unwrap().iter();
    events.filter(|event| event[0] == "SessionEnded").cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_ends_one_of_their_sessions_from_another_one() {
    let app = TestApp::spawn().await;
    let laptop = app.sign_up("ada@example.com").await;
    let phone = TestUser::sign_in(&app.url(), &laptop.email).await;
    assert_live(&app, &phone).await;
    let end = || delete(&app, &format!("/{}", phone.session_id)).header("cookie", &cookie(&laptop));
    let reply = end().send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.text.as_str(), reply.header("set-cookie")),
        (204, "", "")
    );
    assert_ended(&app, &phone).await;
    assert_live(&app, &laptop).await;
    end().send().await.expect_problem(404, "SESSION_NOT_FOUND", "There is no such session");
    assert_eq!(ends(&app).await, [ended(&phone, "revoked")]);
    let contexts = "select concat_ws(' ', context->>'userId', context->>'sessionId')
                    from events where type = 'SessionEnded'";
    assert_eq!(app.query_text(contexts).await, format!("{} {}", laptop.id, laptop.session_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_the_current_session_clears_its_cookie() {
    let app = TestApp::spawn().await;
    for all in [false, true] {
        let ada = app.sign_up(&format!("ada{all}@example.com")).await;
        let path = if all { String::new() } else { format!("/{}", ada.session_id) };
        let reply = delete(&app, &path).header("cookie", &cookie(&ada)).send().await;
        assert_eq!((reply.status.as_u16(), reply.header("set-cookie")), (204, CLEARED));
        assert_ended(&app, &ada).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_users_session_is_like_none_and_stays_alive() {
    let app = TestApp::spawn().await;
    let (ada, eve) = (app.sign_up("ada@example.com").await, app.sign_up("eve@example.com").await);
    let unknown = "01a20571-9d2a-7b56-84d6-ef9856ebbdaf";
    for id in [ada.session_id.as_str(), unknown, "nonsense", "%00", &"a".repeat(2_000)] {
        let reply = delete(&app, &format!("/{id}")).bearer(&eve.session_token).send().await;
        reply.expect_problem(404, "SESSION_NOT_FOUND", "There is no such session");
    }
    assert_live(&app, &ada).await;
    assert_live(&app, &eve).await;
    assert_eq!(ends(&app).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sessions_of_a_user_end_or_all_the_other_ones() {
    let app = TestApp::spawn().await;
    let eve = app.sign_up("eve@example.com").await;
    let first = app.sign_up("ada@example.com").await;
    let second = TestUser::sign_in(&app.url(), &first.email).await;
    let third = TestUser::sign_in(&app.url(), &first.email).await;
    let reply = delete(&app, "?except=current").bearer(&second.session_token).send().await;
    assert_eq!((reply.status.as_u16(), reply.header("set-cookie")), (204, ""));
    assert_ended(&app, &first).await;
    assert_ended(&app, &third).await;
    assert_live(&app, &second).await;
    let fourth = TestUser::sign_in(&app.url(), &first.email).await;
    delete(&app, "").bearer(&fourth.session_token).send().await.expect(204);
    assert_ended(&app, &second).await;
    assert_ended(&app, &fourth).await;
    assert_live(&app, &eve).await;
    let mut expected = [&first, &third, &second, &fourth].map(|user| ended(user, "revoked"));
    let mut ends = ends(&app).await;
    let by_id = |event: &Value| event[1]["sessionId"].as_str().unwrap().to_owned();
    expected.sort_by_key(by_id);
    ends.sort_by_key(by_id);
    assert_eq!(ends, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ends_when_it_is_not_clear_what_is_to_be_spared() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let end = |query: String| delete(&app, &query).bearer(&ada.session_token).send();
    let empty = end("?except=".to_owned()).await;
    empty.expect_invalid(&[("except", "EXCEPT_EMPTY", "must not be empty")]);
    for except in ["Current", "current%20", "others", &ada.session_id] {
        let reply = end(format!("?except={except}")).await;
        reply.expect_invalid(&[("except", "EXCEPT_INVALID", "must be current")]);
    }
    let twice = end("?except=current&except=".to_owned()).await;
    twice.expect_invalid(&[("except", "EXCEPT_DUPLICATE", "is given more than once")]);
    let unknown = end("?Except=current".to_owned()).await;
    let message = "is not known, expected `except`";
    unknown.expect_invalid(&[("Except", "PARAMETER_UNKNOWN", message)]);
    assert_live(&app, &ada).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_ends_no_session_by_its_visitors_cookie() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for path in ["", "?except=current", &format!("/{}", ada.session_id)] {
        let request = delete(&app, path).header("cookie", &cookie(&ada));
        let reply = request.header("origin", "https://evil.example").send().await;
        let message = "Requests with a cookie are not accepted from this origin";
        reply.expect_problem(403, "UNTRUSTED_ORIGIN", message);
    }
    assert_live(&app, &ada).await;
}

/// Ways to end a session, each from that session or, where that is possible, from another one.
#[derive(Debug, Clone, Copy)]
enum Way {
    SignOut,
    EndOne,
    EndAll,
    EndOthers,
}

impl Way {
    async fn end(self, app: &TestApp, gone: &TestUser, other: &TestUser, by_cookie: bool) {
        let (request, caller) = match self {
            Self::SignOut => (app.post("/api/auth/signout"), gone),
            Self::EndOne => (delete(app, &format!("/{}", gone.session_id)), other),
            Self::EndAll => (delete(app, ""), other),
            Self::EndOthers => (delete(app, "?except=current"), other),
        };
        let request = if by_cookie {
            request.header("cookie", &cookie(caller))
        } else {
            request.bearer(&caller.session_token)
        };
        let reply = request.send().await;
        assert!(reply.status.is_success(), "{self:?}: {}", reply.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ended_on_one_server_is_refused_by_every_server_at_once_and_after_a_restart() {
    let (mut first, mut second) = two_servers().await;
    let mut gone = Vec::new();
    for way in [Way::SignOut, Way::EndOne, Way::EndAll, Way::EndOthers] {
        for by_cookie in [true, false] {
            let email = format!("{way:?}{by_cookie}@example.com");
            let ada = first.sign_up(&email).await;
            let other = TestUser::sign_in(&second.url(), &email).await;
            for server in [&first, &second] {
                assert_live(server, &ada).await;
            }
            way.end(&first, &ada, &other, by_cookie).await;
            assert_ended(&second, &ada).await;
            assert_ended(&first, &ada).await;
            gone.push(ada);
        }
    }
    first.stop().await;
    second.restart().await;
    first.restart().await;
    for ada in &gone {
        assert_ended(&first, ada).await;
        assert_ended(&second, ada).await;
    }
}
