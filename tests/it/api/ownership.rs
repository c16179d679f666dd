//! Authorization: every operation of the OpenAPI document, tried by every kind of caller that may not use it.
//!
//! An operation that is not in [`RULES`] fails the test: a new operation needs a rule here.

use std::time::Duration;

use keyfold::base::clock::Timestamp;
use keyfold::keys::algorithm::Algorithm;
use keyfold::keys::private::private_key::PrivateKey;
use keyfold::keys::private::signing::Signing;
use keyfold::keys::tokens::access_token::{Claims, TokenSubject};
use keyfold::keys::tokens::policy::TokenPolicy;
use reqwest::Method;
use serde_json::Value;

use crate::support::app::{START, TestApp, TestRequest, first_key};
use crate::support::user::TestUser;

/// Callers that may use an operation.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    /// Every caller, without credentials.
    Public,
    /// Every caller; a live session is used if there is one.
    Optional,
    /// Callers with a live session: its cookie, its token, or an access token.
    SignedIn,
    /// Callers with the cookie or the token of a live session, not with an access token.
    SessionHolder,
    /// The user in the path, by an access token.
    Owner,
}

const RULES: [(&str, Rule); 32] = [
    ("signUp", Rule::Public),
    ("signIn", Rule::Public),
    ("signOut", Rule::Optional),
    ("getSession", Rule::SignedIn),
    ("getToken", Rule::SessionHolder),
    ("changeProfile", Rule::SessionHolder),
    ("changePassword", Rule::SessionHolder),
    ("listSessions", Rule::SessionHolder),
    ("endSession", Rule::SessionHolder),
    ("endSessions", Rule::SessionHolder),
    ("getKeys", Rule::Public),
    ("listRevocations", Rule::Public),
    ("streamRevocations", Rule::Public),
    ("listTasks", Rule::Owner),
    ("createTask", Rule::Owner),
    ("getTask", Rule::Owner),
    ("replaceTask", Rule::Owner),
    ("changeTask", Rule::Owner),
    ("moveTask", Rule::Owner),
    ("deleteTask", Rule::Owner),
    ("batchTasks", Rule::Owner),
    ("restoreTask", Rule::Owner),
    ("undoTasks", Rule::Owner),
    ("redoTasks", Rule::Owner),
    ("getTaskHistory", Rule::Owner),
    ("getTasksHistory", Rule::Owner),
    ("diffTasks", Rule::Owner),
    ("followTasks", Rule::SignedIn),
    ("exportTasks", Rule::Owner),
    ("importTasks", Rule::Owner),
    ("getLiveness", Rule::Public),
    ("getReadiness", Rule::Public),
];

/// An operation of the document.
struct Operation {
    id: String,
    method: Method,
    path: String,
    security: Value,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&keyfold::api::openapi::text()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                security: operation["security"].clone(),
            });
        }
    }
    operations
}

fn with_rule(wanted: &[Rule]) -> Vec<Operation> {
    let rule = |id: &str| RULES.iter().find(|(known, _)| *known == id).map(|(_, rule)| *rule);
    operations()
        .into_iter()
        .filter(|operation| rule(&operation.id).is_some_and(|rule| wanted.contains(&rule)))
        .collect()
}

impl Operation {
    /// A request for this operation on `user`'s things. Its body is invalid, which a caller without permission must not
    /// learn.
    fn request(&self, app: &TestApp, user: &TestUser) -> TestRequest {
        let path = self.path.replace("{user_id}", &user.id).replace("{task_id}", "nonsense");
        let path = path.replace("{session_id}", &user.session_id);
        app.request(self.method.clone(), &path)
            .header("content-type", "text/plain")
            .body("nonsense")
    }
}

#[test]
fn every_operation_says_who_may_use_it_and_the_document_agrees() {
    let mut documented: Vec<_> = operations().into_iter().map(|operation| operation.id).collect();
    let mut ruled: Vec<_> = RULES.iter().map(|(id, _)| (*id).to_owned()).collect();
    documented.sort();
    ruled.sort();
    assert_eq!(documented, ruled);
    let names = |schemes: &[&str]| -> Value {
        schemes.iter().map(|name| serde_json::json!({*name: []})).collect()
    };
    let security = |rule| match rule {
        Rule::Public => names(&[]),
        Rule::Optional => {
            serde_json::json!([{"sessionCookie": []}, {"sessionToken": []}, {}])
        }
        Rule::SignedIn => names(&["sessionCookie", "sessionToken", "accessToken"]),
        Rule::SessionHolder => names(&["sessionCookie", "sessionToken"]),
        Rule::Owner => names(&["accessToken"]),
    };
    for (id, rule) in RULES {
        let operation = operations().into_iter().find(|operation| operation.id == id).unwrap();
        assert_eq!(operation.security, security(rule), "{id}");
    }
}

/// A token that must not be accepted, and how it is refused.
struct BadToken {
    token: String,
    code: &'static str,
    reason: &'static str,
}

/// Every kind of access token that must not be accepted, all of them about the user's live session.
fn bad_tokens(app: &TestApp, user: &TestUser) -> Vec<BadToken> {
    let bad = |token, code, reason| BadToken { token, code, reason };
    let other = PrivateKey::generate(Algorithm::default()).unwrap();
    let (good_key, other_key) = (signing(&first_key()), signing(&other));
    let impostor = Signing::new(&first_key().public, &other.der).unwrap();
    let sign = |claims: Claims, key: &Signing| claims.sign(key).unwrap();
    let claims = claims(app, user);
    let elsewhere = || "http://elsewhere.example".to_owned();
    let (head, signature) = user.token.rsplit_once('.').unwrap();
    let altered =
        format!("{head}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    let unsigned =
        format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{}.", head.split_once('.').unwrap().1);
    let expired = Claims { exp: START.unix_seconds(), ..claims.clone() };
    vec![
        bad("nonsense".to_owned(), "MALFORMED_TOKEN", "the access token is malformed"),
        bad(unsigned, "MALFORMED_TOKEN", "the access token is malformed"),
        bad(sign(expired, &good_key), "TOKEN_EXPIRED", "the access token has expired"),
        bad(altered, "WRONG_SIGNATURE", "the access token's signature is invalid"),
        bad(
            sign(claims.clone(), &impostor),
            "WRONG_SIGNATURE",
            "the access token's signature is invalid",
        ),
        bad(
            sign(claims.clone(), &other_key),
            "UNKNOWN_KEY",
            "the access token is signed by an unknown key",
        ),
        bad(
            sign(Claims { iss: elsewhere(), ..claims.clone() }, &good_key),
            "WRONG_ISSUER",
            "the access token was issued by another server",
        ),
        bad(
            sign(Claims { aud: elsewhere(), ..claims }, &good_key),
            "WRONG_AUDIENCE",
            "the access token is meant for another audience",
        ),
    ]
}

fn signing(key: &PrivateKey) -> Signing {
    Signing::new(&key.public, &key.der).unwrap()
}

fn claims(app: &TestApp, user: &TestUser) -> Claims {
    let policy = TokenPolicy {
        issuer: app.url(),
        audience: app.url(),
        services: Vec::new(),
        lifetime: Duration::from_mins(15),
    };
    let subject = TokenSubject {
        user_id: user.id.parse().unwrap(),
        session_id: user.session_id.parse().unwrap(),
        email: user.email.clone(),
        name: "Ada Lovelace".to_owned(),
        email_verified: false,
    };
    Claims::new(
        &policy,
        &policy.audience,
        subject,
        Timestamp::from_unix_millis(START.unix_millis()),
    )
}

/// `WWW-Authenticate` of a refused token.
fn challenge(reason: &str) -> String {
    format!("Bearer realm=\"keyfold\", error=\"invalid_token\", error_description=\"{reason}\"")
}

fn sentence(reason: &str) -> String {
    reason[..1].to_uppercase() + &reason[1..]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_needs_a_session_refuses_every_bad_access_token_and_says_why() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for operation in with_rule(&[Rule::Owner, Rule::SignedIn, Rule::SessionHolder]) {
        for bad in bad_tokens(&app, &ada) {
            let reply = operation.request(&app, &ada).bearer(&bad.token).send().await;
            reply.expect_problem(401, bad.code, &sentence(bad.reason));
            assert_eq!(reply.header("www-authenticate"), challenge(bad.reason), "{}", operation.id);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_needs_a_session_refuses_requests_without_credentials() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let message = "Sign in first: this needs an access token or a session";
    for operation in with_rule(&[Rule::Owner, Rule::SignedIn, Rule::SessionHolder]) {
        for header in ["", "Bearer", "Basic YWRhOnNlY3JldA==", &ada.token] {
            let reply = operation.request(&app, &ada).header("authorization", header).send().await;
            reply.expect_problem(401, "UNAUTHORIZED", message);
            assert_eq!(
                reply.header("www-authenticate"),
                "Bearer realm=\"keyfold\"",
                "{}",
                operation.id
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_needs_a_session_refuses_a_session_that_has_ended() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.sign_out().await.expect(200);
    let cookie = format!("better-auth.session_token={}", ada.session_token);
    // Before and after a restart: memory is not what remembers it.
    for _ in 0..2 {
        for operation in with_rule(&[Rule::Owner, Rule::SignedIn]) {
            let reply = operation.request(&app, &ada).bearer(&ada.token).send().await;
            reply.expect_problem(401, "SESSION_ENDED", "The session has ended");
            assert_eq!(
                reply.header("www-authenticate"),
                challenge("the session has ended"),
                "{}",
                operation.id
            );
        }
        for operation in with_rule(&[Rule::SignedIn, Rule::SessionHolder]) {
            for request in [
                operation.request(&app, &ada).bearer(&ada.session_token),
                operation.request(&app, &ada).header("cookie", &cookie),
            ] {
                request.send().await.expect_problem(401, "SESSION_ENDED", "The session has ended");
            }
        }
        app.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owners_operation_refuses_another_user_before_anything_is_looked_at() {
    let app = TestApp::spawn().await;
    let (ada, eve) = (app.sign_up("ada@example.com").await, app.sign_up("eve@example.com").await);
    for operation in with_rule(&[Rule::Owner]) {
        let reply = operation.request(&app, &ada).bearer(&eve.token).send().await;
        reply.expect_problem(403, "NOT_YOURS", "This belongs to another user");
        let mut nobody = ada.clone();
        nobody.id = "nobody".to_owned();
        let reply = operation.request(&app, &nobody).bearer(&eve.token).send().await;
        reply.expect_problem(403, "NOT_YOURS", "This belongs to another user");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_changes_no_account_ends_no_session_and_is_not_exchanged_for_another_one() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for operation in with_rule(&[Rule::SessionHolder]) {
        let reply = operation.request(&app, &ada).bearer(&ada.token).send().await;
        let message =
            "This needs the session token or its cookie, which an access token does not stand for";
        reply.expect_problem(401, "SESSION_REQUIRED", message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_refused_wherever_it_is_presented() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(Duration::from_hours(7 * 24));
    for operation in with_rule(&[Rule::SignedIn, Rule::SessionHolder]) {
        let reply = operation.request(&app, &ada).bearer(&ada.session_token).send().await;
        reply.expect_problem(401, "SESSION_ENDED", "The session has ended");
    }
}
