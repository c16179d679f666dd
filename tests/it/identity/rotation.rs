//! Rotation that no verifier notices: the schedule, restarts, several nodes, and a thousand rotations under verifiers' eyes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use keyfold::app::Seams;
use keyfold::base::clock::{Clock, Timestamp};
use keyfold::config::Config;
use keyfold::keys::algorithm::Algorithm;
use keyfold::keys::private::private_key::PrivateKey;
use keyfold::keys::private::vault::GenerateKey;
use serde_json::Value;

use crate::identity::keys::{JWKS, kid, kids, settle, turn};
use crate::support::app::{START, TestApp, known_keys};
use crate::support::postgres;
use crate::support::process::until;
use crate::support::user::TestUser;

const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);

async fn signs_with(app: &TestApp, user: &TestUser) -> String {
    let fresh = app.get("/api/auth/token").bearer(&user.session_token).send().await.expect(200);
    kid(fresh["token"].as_str().unwrap())
}

/// Types of the events of the key ring, in order: `KeyPublished KeyStartedSigning …`.
async fn history(app: &TestApp) -> String {
    app.query_text(
        "select string_agg(type, ' ' order by position) from events where stream = 'keys'",
    )
    .await
}

fn days(config: &mut Config) {
    config.keys.rotation = 3 * DAY;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_published_before_it_signs_and_verifies_until_its_last_token_has_expired() {
    let app = TestApp::spawn_with(days).await;
    let ada = app.sign_up("ada@example.com").await;
    let old = kid(&ada.token);
    app.clock().advance(2 * DAY + 1425 * MINUTE);
    until("the successor is published", async || kids(&app).await.len() == 2).await;
    assert_eq!(signs_with(&app, &ada).await, old);

    app.clock().advance(15 * MINUTE);
    settle(&app).await;
    let new = signs_with(&app, &ada).await;
    assert_ne!(new, old);
    assert!(kids(&app).await.contains(&old));
    assert_eq!(app.dump("key_material").await.lines().count(), 1, "one key has a private half");

    app.clock().advance(30 * MINUTE);
    settle(&app).await;
    assert_eq!(kids(&app).await, [new]);
    let expected = "KeyPublished KeyStartedSigning KeyPublished KeyStoppedSigning KeyStartedSigning KeyRetired";
    assert_eq!(history(&app).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_rotation_keeps_the_lead_and_is_made_once() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let keys = app.running().features().keys.clone();
    let successor = keys.rotate().await.unwrap();
    assert_eq!(successor.signs_from, START.after(15 * MINUTE));
    app.clock().advance(14 * MINUTE);
    assert_eq!(keys.rotate().await.unwrap(), successor);
    assert_eq!(signs_with(&app, &ada).await, kid(&ada.token));
    app.clock().advance(MINUTE);
    settle(&app).await;
    assert_eq!(signs_with(&app, &ada).await, successor.kid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_goes_on_in_whatever_state_the_ring_is() {
    let mut app = TestApp::spawn_with(days).await;
    let ada = app.sign_up("ada@example.com").await;
    // Away when a successor should have been published: it is published now, and keeps its lead.
    app.stop().await;
    app.clock().advance(5 * DAY);
    app.restart().await;
    settle(&app).await;
    assert_eq!((kids(&app).await.len(), signs_with(&app, &ada).await), (2, kid(&ada.token)));
    // Away when it should have begun to sign.
    app.stop().await;
    app.clock().advance(15 * MINUTE);
    app.restart().await;
    settle(&app).await;
    let new = signs_with(&app, &ada).await;
    assert_ne!(new, kid(&ada.token));
    // Away when the old one should have been retired.
    app.stop().await;
    app.clock().advance(30 * MINUTE);
    app.restart().await;
    settle(&app).await;
    assert_eq!(kids(&app).await, [new]);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_nodes_wake_exactly_one_rotation_happens() {
    let (connection, clock) = (postgres::new_schema().await, Clock::manual(START));
    let nodes = (0..3).map(|_| {
        // Each makes keys of its own, as real servers do.
        let seams = Seams { clock: clock.clone(), ..Seams::default() };
        TestApp::with_seams(connection.clone(), seams, |config| {
            config.database.cluster = true;
            config.database.pool_size = 2;
            config.keys.algorithm = Algorithm::EdDsa;
        })
    });
    let nodes: Vec<_> =
        futures_util::future::join_all(nodes).await.into_iter().map(Result::unwrap).collect();
    let mut expected = "KeyPublished KeyStartedSigning".to_owned();
    for _ in 0..10 {
        for pause in [29 * DAY + 1425 * MINUTE, 15 * MINUTE, 30 * MINUTE] {
            clock.advance(pause);
            for node in &nodes {
                settle(node).await;
            }
        }
        expected += " KeyPublished KeyStoppedSigning KeyStartedSigning KeyRetired";
        let kids = [kids(&nodes[0]).await, kids(&nodes[1]).await, kids(&nodes[2]).await];
        assert_eq!((kids[0].len(), &kids[1], &kids[2]), (1, &kids[0], &kids[0]));
    }
    assert_eq!(history(&nodes[0]).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_does_not_open_does_not_sign_and_the_old_key_goes_on() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let keys = app.running().features().keys.clone();
    let successor = keys.rotate().await.unwrap();
    let spoil = format!("delete from key_material where kid = '{}' returning kid", successor.kid);
    app.query_text(&spoil).await;
    app.clock().advance(15 * MINUTE);
    for _ in 0..3 {
        app.clock().advance(5 * MINUTE);
        assert_eq!(signs_with(&app, &ada).await, kid(&ada.token));
    }
    assert_eq!(keys.revoke(&successor.kid).await.unwrap(), None);
    assert_ne!(turn(&app).await, successor.kid);
}

/// A service that verifies access tokens by itself and asks for the JWKS again only when its copy is too old: the strictest
/// of verifiers, because an unknown key does not make it look again.
struct Verifier {
    keys: HashMap<String, DecodingKey>,
    fetched_at: Timestamp,
    max_age: Duration,
    /// Keeps the keys for longer than it may.
    is_stubborn: bool,
}

impl Verifier {
    fn new(is_stubborn: bool) -> Self {
        let fetched_at = Timestamp::from_unix_millis(0);
        Self { keys: HashMap::new(), fetched_at, max_age: Duration::ZERO, is_stubborn }
    }

    async fn look(&mut self, app: &TestApp) {
        let now = app.clock().now();
        let patience = self.max_age * if self.is_stubborn { 4 } else { 1 };
        if now.since(self.fetched_at) < patience {
            return;
        }
        let reply = app.get(JWKS).send().await;
        let cache = reply.header("cache-control").strip_prefix("public, max-age=").unwrap();
        self.max_age = Duration::from_secs(cache.parse().unwrap());
        self.fetched_at = now;
        let set: JwkSet = serde_json::from_value(reply.expect(200)).unwrap();
        let parsed = set
            .keys
            .iter()
            .map(|key| (key.common.key_id.clone().unwrap(), DecodingKey::from_jwk(key).unwrap()));
        self.keys = parsed.collect();
    }

    fn accepts(&self, token: &str, issuer: &str) -> bool {
        let mut validation = Validation::new(jsonwebtoken::Algorithm::RS256);
        validation.validate_exp = false;
        validation.set_audience(&[issuer]);
        self.keys
            .get(&kid(token))
            .is_some_and(|key| jsonwebtoken::decode::<Value>(token, key, &validation).is_ok())
    }
}

const ROTATIONS: usize = 1_000;
/// Time passes in uneven steps, so that copies of the JWKS, which may be kept for two minutes, are of every age.
const STEPS: [u64; 5] = [119, 61, 83, 97, 40];

fn short(config: &mut Config) {
    config.keys.rotation = 6 * MINUTE;
    config.keys.lead = 3 * MINUTE;
    config.tokens.lifetime = 3 * MINUTE;
}

/// Eight real keys that take turns: making a thousand would take minutes. A key has long left when its turn comes again.
fn eight_keys() -> GenerateKey {
    let generate = known_keys();
    let keys: Vec<_> = (0..8).map(|_| generate(Algorithm::default()).unwrap()).collect();
    let made = AtomicUsize::new(0);
    Arc::new(move |_| {
        let key = &keys[made.fetch_add(1, Ordering::SeqCst) % keys.len()];
        Ok(PrivateKey { public: key.public.clone(), der: key.der.clone() })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_a_thousand_rotations() {
    let seams =
        Seams { clock: Clock::manual(START), generate_key: eight_keys(), ..Seams::default() };
    let app = TestApp::with_seams(postgres::new_schema().await, seams, short).await.unwrap();
    let (ada, issuer) = (app.sign_up("ada@example.com").await, app.url());

    let mut verifiers: Vec<_> = (0..4).map(|_| Verifier::new(false)).collect();
    let mut stubborn = Verifier::new(true);
    let (mut tokens, mut verified, mut noticed) = (Vec::new(), 0_usize, 0_usize);
    let (mut signing, mut rotations) = (String::new(), 0);
    for step in 0.. {
        if rotations > ROTATIONS {
            break;
        }
        let fresh = app.get("/api/auth/token").bearer(&ada.session_token).send().await.expect(200);
        let token = fresh["token"].as_str().unwrap().to_owned();
        if kid(&token) != signing {
            (signing, rotations) = (kid(&token), rotations + 1);
        }
        let now = app.clock().now();
        tokens.push((token, now.after(3 * MINUTE)));
        tokens.retain(|(_, expires_at)| *expires_at > now);
        // Not all of them look at the same time: each begins a step after the one before.
        for verifier in verifiers.iter_mut().take(step + 1) {
            verifier.look(&app).await;
            for (token, _) in &tokens {
                assert!(verifier.accepts(token, &issuer), "step {step}: {token}");
                verified += 1;
            }
        }
        stubborn.look(&app).await;
        noticed += usize::from(!tokens.iter().all(|(token, _)| stubborn.accepts(token, &issuer)));
        app.get("/api/auth/session").bearer(&tokens[0].0).send().await.expect(200);
        app.clock().advance(Duration::from_secs(STEPS[step % STEPS.len()]));
        settle(&app).await;
    }
    let started = "select count(*)::text from events where type = 'KeyStartedSigning'";
    assert_eq!(app.query_text(started).await, rotations.to_string());
    assert!(verified > 30_000, "{verified}");
    assert!(noticed > 0, "who keeps the keys for longer than they may be kept does notice");
}
