//! The key ring, the JWKS, revocation of keys, and the secret.

use std::time::Duration;

use keyfold::app::Seams;
use keyfold::base::clock::Clock;
use keyfold::config::{Config, Secret};

use keyfold::keys::algorithm::Algorithm;
use keyfold::keys::jwk::Jwk;
use keyfold::keys::tokens::token_error::TokenError;
use serde_json::{Value, json};

use crate::support::app::{SECRET, START, TestApp, first_key, two_servers};
use crate::support::postgres;
use crate::support::process::{PUBLIC_URL, until};
use crate::support::user::TestUser;

pub const JWKS: &str = "/.well-known/jwks.json";

pub async fn kids(app: &TestApp) -> Vec<String> {
    let jwks = app.get(JWKS).send().await.expect(200);
    let mut kids: Vec<_> = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect();
    kids.sort_unstable();
    kids
}

/// The key id in a token's header.
pub fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

/// Lets the KeyManager do everything that is due.
pub async fn settle(app: &TestApp) {
    let keys = app.running().features().keys.clone();
    until("nothing is due", async || keys.key_set().due > app.clock().now()).await;
}

/// Makes another key sign and returns its key id.
pub async fn turn(app: &TestApp) -> String {
    let successor = app.running().features().keys.rotate().await.unwrap();
    app.clock().advance(Duration::from_mins(15));
    settle(app).await;
    successor.kid
}

async fn fresh_token(app: &TestApp, user: &TestUser) -> String {
    let fresh = app.get("/api/auth/token").bearer(&user.session_token).send().await.expect(200);
    fresh["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jwks_holds_the_public_half_of_the_signing_key_and_nothing_else() {
    let app = TestApp::spawn().await;
    let reply = app.get(JWKS).send().await;
    let key = first_key().public;
    let Jwk::Rsa(rsa) = &key else { panic!("{key:?}") };
    let expected = json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": rsa.kid, "n": rsa.n, "e": "AQAB"}]});
    assert_eq!(reply.expect(200), expected);
    assert_eq!(kid(&app.sign_up("ada@example.com").await.token), key.kid());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jwks_may_be_cached_and_is_not_sent_again_unchanged() {
    let app = TestApp::spawn().await;
    let first = app.get(JWKS).send().await;
    assert_eq!(first.header("cache-control"), "public, max-age=600");
    let etag = first.header("etag").to_owned();
    for tags in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        let again = app.get(JWKS).header("if-none-match", &tags).send().await;
        assert_eq!(
            (again.status.as_u16(), again.text.as_str(), again.header("etag")),
            (304, "", etag.as_str())
        );
    }
    app.running().features().keys.rotate().await.unwrap();
    let changed = app.get(JWKS).header("if-none-match", &etag).send().await;
    changed.expect(200);
    assert_ne!(changed.header("etag"), etag);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_key_is_told_from_one_that_never_was() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.list("").await.expect(200);
    let keys = app.running().features().keys.clone();
    turn(&app).await;
    app.clock().advance(Duration::from_mins(29));
    settle(&app).await;
    assert_eq!(keys.vouch(&ada.token).unwrap().session_id.to_string(), ada.session_id);
    app.clock().advance(Duration::from_mins(1));
    settle(&app).await;
    assert_eq!(keys.vouch(&ada.token), Err(TokenError::RetiredKey));
    let message = "The access token is signed by a retired key";
    ada.list("").await.expect_problem(401, "KEY_RETIRED", message);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_revoked_key_signed_is_refused_from_the_answer_on_and_after_a_restart() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.list("").await.expect(200);
    let (old, keys) = (kid(&ada.token), app.running().features().keys.clone());

    let new = keys.revoke(&old).await.unwrap().expect("the key that signs has a successor");
    assert_eq!(kids(&app).await, [new.as_str()]);
    assert_eq!(app.dump("key_material").await.lines().count(), 1, "the private half is erased");
    let refuse = async |ada: &TestUser| {
        let message = "The access token is signed by a revoked key";
        ada.list("").await.expect_problem(401, "KEY_REVOKED", message);
    };
    refuse(&ada).await;
    let fresh = ada.with_token(&fresh_token(&app, &ada).await);
    assert_eq!(kid(&fresh.token), new);
    fresh.list("").await.expect(200);

    app.restart().await;
    refuse(&ada.at(&app.url())).await;
    fresh.at(&app.url()).list("").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_only_verifies_is_revoked_without_another_one() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let keys = app.running().features().keys.clone();
    let new = turn(&app).await;
    assert_eq!(keys.revoke(&kid(&ada.token)).await.unwrap(), None);
    assert_eq!(kids(&app).await, [new.as_str()]);
    assert_eq!(ada.list("").await.status, 401);
    let unknown = keys.revoke("unheard-of").await.unwrap_err().to_string();
    assert_eq!(unknown, "the key ring cannot be changed: there is no key unheard-of in the ring");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_ring_survives_a_restart() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    turn(&app).await;
    let jwks = app.get(JWKS).send().await.expect(200);
    let ada = ada.with_token(&fresh_token(&app, &ada).await);
    app.restart().await;
    assert_eq!(app.get(JWKS).send().await.expect(200), jwks);
    ada.list("").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_at_one_node_is_refused_by_every_other_at_the_next_request() {
    let (one, other) = two_servers().await;
    let ada = one.sign_up("ada@example.com").await;
    let there = ada.at(&other.url());
    there.list("").await.expect(200);
    for _ in 0..5 {
        let before = there.with_token(&fresh_token(&other, &ada).await);
        before.list("").await.expect(200);
        let revoked = kid(&before.token);
        let new = one.running().features().keys.revoke(&revoked).await.unwrap().unwrap();
        let message = "The access token is signed by a revoked key";
        before.list("").await.expect_problem(401, "KEY_REVOKED", message);
        assert_eq!(kids(&other).await, [new.as_str()]);
        let after = there.with_token(&fresh_token(&other, &ada).await);
        assert_eq!(kid(&after.token), new);
        after.list("").await.expect(200);
    }
}

/// Another node was given another secret first, which the order in `docs/running.md` avoids.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_open_the_new_key_refuses_what_the_revoked_one_signed_and_signs_nothing()
{
    let (connection, clock) = (postgres::new_schema().await, Clock::manual(START));
    let node = |change: fn(&mut Config)| {
        // Each makes keys of its own, as real servers do.
        let seams = Seams { clock: clock.clone(), ..Seams::default() };
        TestApp::with_seams(connection.clone(), seams, move |config| {
            config.database.cluster = true;
            config.http.public_url = Some(PUBLIC_URL.parse().unwrap());
            change(config);
        })
    };
    let behind = node(|_| ()).await.unwrap();
    let ada = behind.sign_up("ada@example.com").await;
    ada.list("").await.expect(200);
    let ahead = node(|config| {
        config.previous_secrets = config.secret.take().into_iter().collect();
        config.secret = Some(Secret::parse("another secret, of 32 characters or more").unwrap());
    });
    let ahead = ahead.await.unwrap();
    let new = ahead.running().features().keys.revoke(&kid(&ada.token)).await.unwrap().unwrap();

    let message = "The access token is signed by a revoked key";
    ada.list("").await.expect_problem(401, "KEY_REVOKED", message);
    assert_eq!(kids(&behind).await, [new.as_str()]);
    let refused = behind.get("/api/auth/token").bearer(&ada.session_token).send().await;
    let message = "The server cannot answer for the moment, try again shortly";
    refused.expect_problem(503, "UNAVAILABLE", message);
    let there = ada.at(&ahead.url()).with_token(&fresh_token(&ahead, &ada).await);
    there.list("").await.expect(200);
    there.at(&behind.url()).list("").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn larger_keys_and_ed25519_keys_sign_beside_the_old_ones() {
    let connection = postgres::new_schema().await;
    let clock = Clock::manual(START);
    let mut app = TestApp::on(connection.clone(), clock.clone(), |_| ()).await.unwrap();
    let ada = app.sign_up("ada@example.com").await;
    let mut tokens = Vec::new();
    for (algorithm, header) in [
        (Algorithm::EdDsa, jsonwebtoken::Algorithm::EdDSA),
        (Algorithm::Rs256 { bits: 3072 }, jsonwebtoken::Algorithm::RS256),
    ] {
        app.stop().await;
        app = TestApp::on(connection.clone(), clock.clone(), |config| {
            config.keys.algorithm = algorithm;
            config.tokens.lifetime = Duration::from_hours(1);
            config.http.public_url = Some("https://keyfold.example".parse().unwrap());
        })
        .await
        .unwrap();
        clock.advance(Duration::from_mins(15));
        settle(&app).await;
        let token = fresh_token(&app, &ada).await;
        assert_eq!(jsonwebtoken::decode_header(&token).unwrap().alg, header);
        tokens.push(token);
        let jwks = app.get(JWKS).send().await.expect(200);
        let named = |key: &Value| key["kid"] == kid(tokens.last().unwrap());
        let key = jwks["keys"].as_array().unwrap().iter().find(|key| named(key)).unwrap();
        let parsed: Jwk = serde_json::from_value(key.clone()).unwrap();
        assert_eq!(parsed.algorithm(), algorithm);
    }
    for token in &tokens {
        ada.at(&app.url()).with_token(token).list("").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_is_refused_and_no_new_key_is_made() {
    let mut app = TestApp::spawn().await;
    let (connection, jwks) = (app.connection(), app.dump("jwks").await);
    app.stop().await;
    let refused = TestApp::on(connection.clone(), Clock::manual(START), |config| {
        config.secret = Some(Secret::parse("another secret, of 32 characters or more").unwrap());
    })
    .await;
    let message = format!("{:#}", refused.err().expect("the server refuses to start"));
    let expected = format!(
        "the signing key {} cannot be opened with this secret. Start with the KEYFOLD_SECRET it was sealed with, or \
         name that one in KEYFOLD_PREVIOUS_SECRETS; no new key is made, because tokens signed by this one are in use. If \
         that secret is lost for good, `keyfold keys replace --lost` makes a new key.",
        first_key().public.kid()
    );
    assert_eq!(message, expected);
    let app = TestApp::on(connection, Clock::manual(START), |_| ()).await.unwrap();
    assert_eq!(app.dump("jwks").await, jwks);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_secret_loses_nothing_and_the_old_one_is_needed_only_once() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.running().features().keys.rotate().await.unwrap();
    let connection = app.connection();
    app.stop().await;
    let new = || Some(Secret::parse("another secret, of 32 characters or more").unwrap());
    let seams = || Seams { clock: Clock::manual(START), ..Seams::default() };
    for previous in [vec![Secret::parse(SECRET).unwrap()], vec![]] {
        let mut app = TestApp::with_seams(connection.clone(), seams(), |config| {
            config.secret = new();
            config.previous_secrets = previous;
        })
        .await
        .unwrap();
        let ada = ada.at(&app.url()).with_token(&fresh_token(&app, &ada).await);
        ada.list("").await.expect(200);
        turn(&app).await;
        let (kept, shown) = (app.dump("key_material").await, app.dump("jwks").await);
        for line in kept.lines() {
            let sealed = line.trim_end_matches(')').split('"').nth(1).unwrap();
            assert!(shown.contains(sealed), "the read model shows what is sealed anew: {shown}");
        }
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_nodes_start_at_once_one_key_is_made() {
    let connection = postgres::new_schema().await;
    let nodes = (0..4).map(|_| {
        // Each makes a key of its own, as real servers do.
        TestApp::with_seams(connection.clone(), Seams::default(), |config| {
            config.database.cluster = true;
            config.database.pool_size = 2;
        })
    });
    let nodes: Vec<_> =
        futures_util::future::join_all(nodes).await.into_iter().map(Result::unwrap).collect();
    let jwks = nodes[0].get(JWKS).send().await.expect(200);
    assert_eq!(kids(&nodes[0]).await.len(), 1);
    for node in &nodes {
        assert_eq!(node.get(JWKS).send().await.expect(200), jwks);
    }
    let made = "select count(*)::text from events where type = 'KeyPublished'";
    assert_eq!(nodes[0].query_text(made).await, "1");
}
