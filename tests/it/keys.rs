//! The key ring, the JWKS, rotation, and the secret.

use std::time::Duration;

use keyfold::app::Seams;
use keyfold::clock::Clock;
use keyfold::config::Secret;
use keyfold::keys::access_token::TokenError;
use serde_json::{Value, json};

use crate::app::{START, TestApp, first_key};
use crate::postgres;
use crate::user::TestUser;

const JWKS: &str = "/.well-known/jwks.json";

fn kids(jwks: &Value) -> Vec<&str> {
    let mut kids: Vec<_> =
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    kids.sort_unstable();
    kids
}

/// The key id in a token's header.
fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jwks_holds_the_public_half_of_the_signing_key_and_nothing_else() {
    let app = TestApp::spawn().await;
    let reply = app.get(JWKS).send().await;
    let key = first_key().public;
    let expected = json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.kid, "n": key.n, "e": "AQAB"}]});
    assert_eq!(reply.expect(200), expected);
    assert_eq!(kid(&app.sign_up("ada@example.com").await.token), key.kid);
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
async fn a_rotated_out_key_verifies_until_its_last_token_has_expired() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let (old, keys) = (kid(&ada.token), app.running().features().keys.clone());

    let new = keys.rotate().await.unwrap();
    let jwks = app.get(JWKS).send().await.expect(200);
    assert!(kids(&jwks).contains(&old.as_str()) && kids(&jwks).contains(&new.as_str()), "{jwks}");
    ada.list("").await.expect(200);
    let again = TestUser::sign_in(&app.url(), "ada@example.com").await;
    assert_eq!(kid(&again.token), new);
    again.list("").await.expect(200);

    app.clock().advance(Duration::from_mins(14));
    let second = keys.rotate().await.unwrap();
    assert_eq!(kids(&app.get(JWKS).send().await.expect(200)).len(), 3);
    ada.list("").await.expect(200);

    app.clock().advance(Duration::from_mins(1));
    let third = keys.rotate().await.unwrap();
    let mut expected = [new.as_str(), second.as_str(), third.as_str()];
    expected.sort_unstable();
    assert_eq!(kids(&app.get(JWKS).send().await.expect(200)), expected);
    assert_eq!(
        app.dump("key_material").await.lines().count(),
        1,
        "only the signing key has a private half"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_token_is_unknown_once_its_key_has_left_the_ring() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.list("").await.expect(200);
    let keys = app.running().features().keys.clone();
    keys.rotate().await.unwrap();
    app.clock().advance(Duration::from_mins(16));
    assert_eq!(keys.verify_whenever(&ada.token).unwrap().session_id.to_string(), ada.session_id);
    keys.rotate().await.unwrap();
    assert_eq!(keys.verify_whenever(&ada.token), Err(TokenError::UnknownKey));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_revoked_key_signed_is_refused_from_the_answer_on_and_after_a_restart() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.list("").await.expect(200);
    let (old, keys) = (kid(&ada.token), app.running().features().keys.clone());

    let new = keys.revoke(&old).await.unwrap().expect("the key that signs has a successor");
    assert_eq!(kids(&app.get(JWKS).send().await.expect(200)), [new.as_str()]);
    assert_eq!(app.dump("key_material").await.lines().count(), 1, "the private half is erased");
    let refuse = async |ada: &TestUser| {
        let message = "The access token is signed by an unknown key";
        ada.list("").await.expect_problem(401, "UNKNOWN_KEY", message);
    };
    refuse(&ada).await;
    let fresh = app.get("/api/auth/token").bearer(&ada.session_token).send().await.expect(200);
    let fresh = ada.with_token(fresh["token"].as_str().unwrap());
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
    let new = keys.rotate().await.unwrap();
    assert_eq!(keys.revoke(&kid(&ada.token)).await.unwrap(), None);
    assert_eq!(kids(&app.get(JWKS).send().await.expect(200)), [new.as_str()]);
    assert_eq!(ada.list("").await.status, 401);
    let unknown = keys.revoke("unheard-of").await.unwrap_err().to_string();
    assert_eq!(unknown, "the key ring cannot be changed: there is no key unheard-of in the ring");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_ring_survives_a_restart() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.running().features().keys.rotate().await.unwrap();
    let jwks = app.get(JWKS).send().await.expect(200);
    app.restart().await;
    assert_eq!(app.get(JWKS).send().await.expect(200), jwks);
    ada.list("").await.expect(200);
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
        "the signing key {} cannot be opened with this secret. Start with the KEYFOLD_SECRET it was sealed with; \
         no new key is made, because tokens signed by this one are in use.",
        first_key().public.kid
    );
    assert_eq!(message, expected);
    let app = TestApp::on(connection, Clock::manual(START), |_| ()).await.unwrap();
    assert_eq!(app.dump("jwks").await, jwks);
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
    assert_eq!(kids(&jwks).len(), 1);
    for node in &nodes {
        assert_eq!(node.get(JWKS).send().await.expect(200), jwks);
    }
    let made = "select count(*)::text from events where type = 'KeyPublished'";
    assert_eq!(nodes[0].query_text(made).await, "1");
}
