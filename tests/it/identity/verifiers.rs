//! Verifiers elsewhere: the ends of sessions as signed security event tokens, by page and as they happen.

use std::collections::BTreeMap;
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use keyfold::base::id::Id;
use keyfold::eventlog::log::append::appender;
use keyfold::eventlog::{Append, NewEvent, Projections, StreamName};
use keyfold::postgres::Pool;
use reqwest::Method;
use serde_json::{Value, json};

use crate::identity::keys::JWKS;
use crate::support::app::{START, TestApp, two_servers};
use crate::support::postgres;
use crate::support::process::until;
use crate::support::user::TestUser;

const PATH: &str = "/api/auth/revocations";
const EVENT: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// Claims of a security event token, after a check of its type and of its signature by a key of the JWKS.
async fn verified(app: &TestApp, token: &str, issuer: &str) -> Value {
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("secevent+jwt"));
    let set: JwkSet = serde_json::from_value(app.get(JWKS).send().await.expect(200)).unwrap();
    let key = DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.set_audience(&[issuer]);
    validation.set_issuer(&[issuer]);
    jsonwebtoken::decode(token, &key, &validation).unwrap().claims
}

/// Sessions whose ends follow a cursor, in order, and the next cursor.
async fn ended(app: &TestApp, since: &str) -> (Vec<String>, String) {
    let page = app.get(&format!("{PATH}?since={since}")).send().await.expect(200);
    assert_eq!(page["moreAvailable"], false);
    let tokens: BTreeMap<String, String> = serde_json::from_value(page["sets"].clone()).unwrap();
    let mut sessions = Vec::new();
    for token in tokens.values() {
        let claims = verified(app, token, app.running().origin()).await;
        sessions.push(claims["sub_id"]["session"]["id"].as_str().unwrap().to_owned());
    }
    (sessions, page["next"].as_str().unwrap().to_owned())
}

async fn until_told(app: &TestApp, since: &str, sessions: &[&str]) -> String {
    let mut next = String::new();
    until("the ends are told", async || {
        let (told, point) = ended(app, since).await;
        next = point;
        told == sessions
    })
    .await;
    next
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_session_is_told_as_a_signed_security_event() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let nothing = json!({"sets": {}, "moreAvailable": false, "next": "0"});
    assert_eq!(app.get(PATH).send().await.expect(200), nothing);
    ada.sign_out().await.expect(200);
    let next = until_told(&app, "0", &[&ada.session_id]).await;

    let reply = app.get(PATH).send().await;
    let (etag, cache) = (reply.header("etag").to_owned(), reply.header("cache-control").to_owned());
    let body = reply.expect(200);
    let (jti, token) = body["sets"].as_object().unwrap().iter().next().unwrap();
    let url = app.url();
    let expected = json!({
        "iss": url, "aud": url, "iat": START.unix_seconds(), "jti": jti,
        "sub_id": {
            "format": "complex",
            "session": {"format": "opaque", "id": ada.session_id},
        },
        "events": {EVENT: {"event_timestamp": START.unix_seconds()}},
    });
    assert_eq!(verified(&app, token.as_str().unwrap(), &url).await, expected);
    assert_eq!(body, json!({"sets": {jti: token}, "moreAvailable": false, "next": next}));
    assert_eq!(cache, "public, max-age=1");
    let again = app.get(PATH).header("if-none-match", &etag).send().await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    assert_eq!(ended(&app, &next).await, (vec![], next));
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_are_told_while_their_tokens_may_be_valid_and_after_a_restart() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.sign_out().await.expect(200);
    app.clock().advance(Duration::from_mins(8));
    let bob = app.sign_up("bob@example.com").await;
    bob.sign_out().await.expect(200);
    let next = until_told(&app, "0", &[&ada.session_id, &bob.session_id]).await;
    app.restart().await;
    until_told(&app, "0", &[&ada.session_id, &bob.session_id]).await;

    app.clock().advance(Duration::from_mins(8));
    // Ends recorded before the start may be dated by a clock that was late, so they are listed for longer.
    assert_eq!(until_told(&app, "0", &[&ada.session_id, &bob.session_id]).await, next);
    app.clock().advance(Duration::from_mins(8));
    assert_eq!(until_told(&app, "0", &[]).await, "0");
    app.restart().await;
    assert_eq!(until_told(&app, "0", &[&bob.session_id]).await, next);
    app.clock().advance(Duration::from_mins(8));
    assert_eq!(until_told(&app, "0", &[]).await, "0");
    app.restart().await;
    assert_eq!(until_told(&app, "0", &[]).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_ends_than_fit_on_a_page_come_on_the_next_one() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let mut sessions = vec![ada.session_id.clone()];
    for _ in 0..3 {
        while sessions.len() % 50 != 0 {
            sessions.push(TestUser::sign_in(&app.url(), "ada@example.com").await.session_id);
        }
        let last = TestUser::sign_in(&app.url(), "ada@example.com").await;
        sessions.push(last.session_id.clone());
        let ended = last.request(Method::DELETE, "/api/auth/sessions").send().await;
        assert_eq!(ended.status, 204);
    }
    let mut told = Vec::new();
    until("everything has ended", async || {
        told.clear();
        let (mut since, mut is_more) = ("0".to_owned(), true);
        while is_more {
            let page = app.get(&format!("{PATH}?since={since}")).send().await.expect(200);
            told.extend(page["sets"].as_object().unwrap().keys().cloned());
            assert!(page["sets"].as_object().unwrap().len() <= 100);
            is_more = page["moreAvailable"].as_bool().unwrap();
            since = page["next"].as_str().unwrap().to_owned();
        }
        told.len() == sessions.len()
    })
    .await;
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), sessions.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_next_of_an_answer_is_refused() {
    let app = TestApp::spawn().await;
    let message = |field: &str| format!("{field} must be the next of an answer");
    for path in [
        format!("{PATH}?since=-1"),
        format!("{PATH}?since=7"),
        format!("{PATH}/stream?since=yesterday"),
    ] {
        let reply = app.get(&path).send().await;
        assert_eq!(reply.expect(400)["message"], message("since"));
    }
    let reply = app.get(&format!("{PATH}/stream")).header("last-event-id", "x").send().await;
    assert_eq!(reply.expect(400)["message"], message("Last-Event-ID"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_security_event_is_no_access_token() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let other = TestUser::sign_in(&app.url(), "ada@example.com").await;
    other.sign_out().await.expect(200);
    until_told(&app, "0", &[&other.session_id]).await;
    let page = app.get(PATH).send().await.expect(200);
    let token = page["sets"].as_object().unwrap().values().next().unwrap().as_str().unwrap();
    let refused = ada.with_token(token).list("").await;
    refused.expect_problem(401, "MALFORMED_TOKEN", "The access token is malformed");
}

/// Reads server-sent events.
struct Listener {
    response: reqwest::Response,
    text: String,
}

impl Listener {
    async fn at(url: &str, last_event_id: Option<&str>) -> Self {
        let request = reqwest::Client::new().get(format!("{url}{PATH}/stream"));
        let request = match last_event_id {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { response, text: String::new() }
    }

    /// The id and the data of the next event; nothing when the stream has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let found = field("id: ").map(|id| {
                    (id.to_owned(), serde_json::from_str(field("data: ").unwrap()).unwrap())
                });
                self.text = rest.to_owned();
                if found.is_some() {
                    return found;
                }
                continue;
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_are_streamed_as_they_happen_from_any_node_and_resumed_without_a_gap() {
    let (one, other) = two_servers().await;
    let url = one.running().origin().to_owned();
    let mut sessions = Vec::new();
    let sign_out = async |app: &TestApp, name: &str| {
        let user = app.sign_up(&format!("{name}@example.com")).await;
        user.sign_out().await.expect(200);
        user.session_id
    };
    sessions.push(sign_out(&one, "ada").await);
    let mut listener = Listener::at(&other.url(), None).await;
    let mut told = Vec::new();
    let mut last = String::new();
    for name in ["bob", "eve", "joe"] {
        let (id, data) = listener.next().await.unwrap();
        let claims = verified(&one, data["set"].as_str().unwrap(), &url).await;
        assert_eq!(claims["jti"], data["jti"]);
        told.push(claims["sub_id"]["session"]["id"].as_str().unwrap().to_owned());
        last = id;
        sessions.push(sign_out(if name == "eve" { &other } else { &one }, name).await);
    }
    drop(listener);
    sessions.push(sign_out(&other, "zoe").await);
    let mut listener = Listener::at(&one.url(), Some(&last)).await;
    for _ in 0..2 {
        let (_, data) = listener.next().await.unwrap();
        let claims = verified(&one, data["set"].as_str().unwrap(), &url).await;
        told.push(claims["sub_id"]["session"]["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(told, sessions);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_ends_its_streams_instead_of_waiting_for_them() {
    let mut app = TestApp::spawn_with(|config| {
        config.http.shutdown_timeout = Duration::from_mins(10);
    })
    .await;
    let mut listener = Listener::at(&app.url(), None).await;
    app.stop().await;
    assert_eq!(listener.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_hear_of_ends_closes_its_streams_and_answers_no_page() {
    let (one, other) = two_servers().await;
    let ada = one.sign_up("ada@example.com").await;
    let mut listener = Listener::at(&other.url(), None).await;
    let cut = "\
        select count(pg_terminate_backend(pid))::text from pg_locks where locktype = 'advisory' and objid = \
        (hashtextextended('keyfold-node:' || current_schema(), 0) & 4294967295)::bigint::oid";
    assert_eq!(one.query_text(cut).await, "2");
    assert_eq!(listener.next().await, None);
    until("ada can sign out", async || ada.sign_out().await.status == 200).await;
    until("the node follows again", async || {
        let reply = other.get(PATH).send().await;
        reply.status == 200
    })
    .await;
    let mut again = Listener::at(&other.url(), None).await;
    let (_, data) = again.next().await.unwrap();
    let claims = verified(&one, data["set"].as_str().unwrap(), one.running().origin()).await;
    assert_eq!(claims["sub_id"]["session"]["id"], ada.session_id);
}

/// Appends the end of a session in a schema that this version does not know, as a newer version might.
async fn append_unreadable_end(app: &TestApp, user: &TestUser) {
    let pool = Pool::new(&app.connection(), "readers", 1).unwrap();
    let (appender, writer) = appender::channel(postgres::appender(pool, Projections::default()));
    let writer = tokio::spawn(writer.run());
    let event = NewEvent {
        event_id: Id::<()>::at(START).uuid(),
        name: "SessionEnded",
        schema: 2,
        data: "{}".to_owned(),
        context: b"{}".as_slice().into(),
        recorded_at: START,
    };
    let stream = StreamName::stored(&format!("session-{}", user.id));
    let append = Append::new(stream, 1, vec![event]);
    appender.append(append).await.unwrap();
    writer.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_while_an_end_that_cannot_be_read_may_matter() {
    let mut app = TestApp::spawn().await;
    let (ada, bob) = (app.sign_up("ada@example.com").await, app.sign_up("bob@example.com").await);
    bob.sign_out().await.expect(200);
    until_told(&app, "0", &[&bob.session_id]).await;
    let mut listener = Listener::at(&app.url(), None).await;
    listener.next().await.unwrap();
    append_unreadable_end(&app, &ada).await;
    assert_eq!(listener.next().await, None);
    for _ in 0..2 {
        until("nothing is told", async || app.get(PATH).send().await.status == 503).await;
        app.restart().await;
    }
    app.clock().advance(Duration::from_mins(30));
    until("the end matters no more", async || app.get(PATH).send().await.status == 200).await;
    assert_eq!(ended(&app, "0").await.0, Vec::<String>::new());
}
