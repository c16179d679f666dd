//! Sign up, sign in, sign out, and what a session gives.

mod several;

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::user::{PASSWORD, TestUser};

#[tokio::test(flavor = "multi_thread")]
async fn an_address_belongs_to_one_account_however_it_is_spelled() {
    let app = TestApp::spawn().await;
    app.sign_up("ada@example.com").await;
    let body = json!({"email": "ADA@Example.com", "password": PASSWORD, "name": "Eve"});
    let reply = app.post("/api/auth/signup").json(&body).send().await;
    reply.expect_problem(409, "EMAIL_TAKEN", "An account with this email address exists already");
    let message = "belongs to an account already: sign in instead";
    let details = json!([{"field": "email", "code": "EMAIL_TAKEN", "message": message}]);
    assert_eq!(reply.json()["details"], details);
    assert_eq!(app.dump("users").await.lines().count(), 1);
    assert_eq!(app.dump("credentials").await.lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let app = TestApp::spawn().await;
    app.sign_up("ada@example.com").await;
    let mut answers = Vec::new();
    for (email, password) in [
        ("ada@example.com", "a wrong password"),
        ("ada@example.com", "short"),
        ("nobody@example.com", PASSWORD),
        ("nobody@example.com", "short"),
    ] {
        let body = json!({"email": email, "password": password});
        let reply = app.post("/api/auth/signin").json(&body).send().await;
        reply.expect_problem(401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password");
        let mut body = reply.json();
        body["traceId"] = json!("");
        let headers: Vec<_> = reply.headers.iter().filter(|(name, _)| *name != "date").collect();
        answers.push(format!("{body} {headers:?}"));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_taken_exactly_as_sent() {
    let app = TestApp::spawn().await;
    let password = "  pass wörd\t🗝 ";
    let body = json!({"email": "ada@example.com", "password": password, "name": "Ada"});
    app.post("/api/auth/signup").json(&body).send().await.expect(201);
    for (given, status) in [(password, 200), (password.trim(), 401), ("  PASS WÖRD\t🗝 ", 401)] {
        let body = json!({"email": "ada@example.com", "password": given});
        app.post("/api/auth/signin").json(&body).send().await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_of_passwords_and_session_tokens_does_not_reveal_them() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let phc = app.query_text("select phc from credentials").await;
    assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{phc}");
    let stored = [
        app.dump("events").await,
        app.dump("users").await,
        app.dump("sessions").await,
        app.dump("credentials").await,
        app.dump("jwks").await,
    ]
    .concat();
    for secret in [PASSWORD, &ada.session_token, &ada.token] {
        assert!(!stored.contains(secret));
    }
    assert!(!app.dump("events").await.contains("argon2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_hashed_at_the_promised_cost_by_default() {
    let app =
        TestApp::spawn_with(|config| config.passwords = keyfold::config::PasswordConfig::default())
            .await;
    app.sign_up("ada@example.com").await;
    let phc = app.query_text("select phc from credentials").await;
    assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_one_session_and_no_other() {
    let app = TestApp::spawn().await;
    let phone = app.sign_up("ada@example.com").await;
    let laptop = TestUser::sign_in(&app.url(), "ada@example.com").await;
    assert_ne!(
        (&phone.session_id, &phone.session_token),
        (&laptop.session_id, &laptop.session_token)
    );
    phone.sign_out().await.expect(200);
    phone.list("").await.expect_problem(401, "SESSION_ENDED", "The session has ended");
    laptop.list("").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_signed_out_by_whatever_proves_it() {
    let app = TestApp::spawn().await;
    app.sign_up("ada@example.com").await;
    for proof in ["cookie", "session token"] {
        let ada = TestUser::sign_in(&app.url(), "ada@example.com").await;
        let request = app.post("/api/auth/signout");
        let request = match proof {
            "cookie" => request
                .header("cookie", &format!("better-auth.session_token={}", ada.session_token)),
            _ => request.bearer(&ada.session_token),
        };
        assert_eq!(request.send().await.expect(200), json!({"success": true}), "{proof}");
        ada.list("").await.expect_problem(401, "SESSION_ENDED", "The session has ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_signs_nobody_out_and_does_not_hinder_a_cookie() {
    let app = TestApp::spawn().await;
    app.sign_up("ada@example.com").await;
    for minutes in [0, 16] {
        let ada = TestUser::sign_in(&app.url(), "ada@example.com").await;
        app.clock().advance(Duration::from_mins(minutes));
        let sign_out = || app.post("/api/auth/signout").bearer(&ada.token);
        let message =
            "This needs the session token or its cookie, which an access token does not stand for";
        sign_out().send().await.expect_problem(401, "SESSION_REQUIRED", message);
        let session = || app.get("/api/auth/session").bearer(&ada.session_token).send();
        session().await.expect(200);
        let cookie = format!("better-auth.session_token={}", ada.session_token);
        let out = sign_out().header("cookie", &cookie).send().await;
        assert_eq!(out.expect(200), json!({"success": true}));
        session().await.expect(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_told_of_a_sign_out_finds_the_session_ended() {
    let app = TestApp::spawn().await;
    app.sign_up("ada@example.com").await;
    for _ in 0..10 {
        let ada = TestUser::sign_in(&app.url(), "ada@example.com").await;
        let sign_outs = (0..8).map(|_| async {
            ada.sign_out().await.expect(200);
            ada.list("").await.expect_problem(401, "SESSION_ENDED", "The session has ended");
        });
        futures_util::future::join_all(sign_outs).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_again_or_without_a_session_is_fine() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for _ in 0..2 {
        assert_eq!(ada.sign_out().await.expect(200), json!({"success": true}));
    }
    for request in [
        app.post("/api/auth/signout"),
        app.post("/api/auth/signout").bearer("nonsense"),
        app.post("/api/auth/signout").header("cookie", "better-auth.session_token=nonsense"),
    ] {
        let reply = request.send().await;
        assert_eq!(reply.expect(200), json!({"success": true}));
        assert!(reply.header("set-cookie").starts_with("better-auth.session_token=; Max-Age=0;"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_sign_somebody_out_with_their_cookie() {
    let app = TestApp::spawn_with(|config| {
        config.http.cors_origins =
            vec![keyfold::config::Origin::parse("https://app.example").unwrap()];
    })
    .await;
    let ada = app.sign_up("ada@example.com").await;
    let cookie = format!("better-auth.session_token={}", ada.session_token);
    let sign_out = |origin: &str| {
        app.post("/api/auth/signout").header("cookie", &cookie).header("origin", origin)
    };
    for origin in ["https://evil.example", "null", "https://app.example.evil.example"] {
        let message = "Requests with a cookie are not accepted from this origin";
        sign_out(origin).send().await.expect_problem(403, "UNTRUSTED_ORIGIN", message);
    }
    ada.list("").await.expect(200);
    sign_out("https://app.example").send().await.expect(200);
    ada.list("").await.expect_problem(401, "SESSION_ENDED", "The session has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_renewed_as_long_as_its_session_lives() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(Duration::from_mins(15));
    ada.list("").await.expect_problem(401, "TOKEN_EXPIRED", "The access token has expired");
    let fresh = app.get("/api/auth/token").bearer(&ada.session_token).send().await.expect(200);
    ada.with_token(fresh["token"].as_str().unwrap()).list("").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_for_a_service_that_the_server_knows_and_for_no_other() {
    let app = TestApp::spawn_with(|config| {
        config.tokens.audiences = vec!["https://billing.example.com".to_owned()];
    })
    .await;
    let ada = app.sign_up("ada@example.com").await;
    let token = async |query: &str| {
        app.get(&format!("/api/auth/token{query}")).bearer(&ada.session_token).send().await
    };
    let claims = async |query: &str| {
        let body = token(query).await.expect(200);
        let claims = body["token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
        serde_json::from_slice::<Value>(&claims).unwrap()["aud"].as_str().unwrap().to_owned()
    };
    let billing = "?audience=https://billing.example.com";
    assert_eq!(claims(billing).await, "https://billing.example.com");
    let own = app.running().origin().to_owned();
    assert_eq!(claims("").await, own);
    assert_eq!(claims(&format!("?audience={own}")).await, own);
    let empty = token("?audience=").await;
    empty.expect_invalid(&[("audience", "AUDIENCE_EMPTY", "must not be empty")]);
    let message = "must be one of the audiences that this server makes tokens for";
    for unknown in ["?audience=https://billing.example.com/", "?audience=urn:x"] {
        token(unknown).await.expect_invalid(&[("audience", "AUDIENCE_INVALID", message)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_https_site_marks_its_cookie_secure_and_insists_on_https() {
    let url = "https://keyfold.example";
    let app =
        TestApp::spawn_with(|config| config.http.public_url = Some(url.parse().unwrap())).await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    let reply = app.post("/api/auth/signup").json(&body).send().await;
    reply.expect(201);
    let cookie = reply.header("set-cookie");
    assert!(cookie.starts_with("__Secure-better-auth.session_token="), "{cookie}");
    assert!(
        cookie.ends_with("; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax; Secure"),
        "{cookie}"
    );
    assert_eq!(reply.header("strict-transport-security"), "max-age=63072000; includeSubDomains");
    let pair = cookie.split(';').next().unwrap();
    app.get("/api/auth/session").header("cookie", pair).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_sign_ins_is_refused_beyond_the_queue_and_nobody_else_suffers() {
    let app = TestApp::spawn_with(|config| {
        config.passwords = keyfold::config::PasswordConfig {
            memory_kib: 8192,
            iterations: 4,
            threads: 1,
            queue: 1,
        };
    })
    .await;
    let ada = app.sign_up("ada@example.com").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let storm = (0..16).map(|_| app.post("/api/auth/signin").json(&body).send());
    let (replies, tasks) = tokio::join!(futures_util::future::join_all(storm), ada.list(""));
    tasks.expect(200);
    let (served, refused): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.status == 200);
    assert!(
        !served.is_empty() && !refused.is_empty(),
        "{} served, {} refused",
        served.len(),
        refused.len()
    );
    for reply in refused {
        let message = "The server is overloaded; nothing was changed, try again shortly";
        reply.expect_problem(503, "OVERLOADED", message);
        assert_eq!(reply.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn a_token_that_was_verified_before_is_refused_once_it_expires_or_its_session_ends() {
    let app = TestApp::spawn().await;
    let (ada, grace) = (app.sign_up("ada@example.com").await, app.sign_up("g@example.com").await);
    for user in [&ada, &grace, &ada, &grace] {
        user.list("").await.expect(200);
    }
    grace.sign_out().await.expect(200);
    let refused = grace.list("").await;
    refused.expect_problem(401, "SESSION_ENDED", "The session has ended");
    ada.list("").await.expect(200);
    app.clock().advance(Duration::from_mins(15));
    let refused = ada.list("").await;
    refused.expect_problem(401, "TOKEN_EXPIRED", "The access token has expired");
}
