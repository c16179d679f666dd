//! Events of other kinds of requests: from a form, through a proxy, in large numbers, or abandoned.

use std::pin::pin;

use futures_util::future::join_all;
use keyfold::config::PasswordConfig;
use serde_json::json;

use super::watched::{FROM, Watched, lines};
use crate::support::locked::Locked;
use crate::support::process::until;
use crate::support::user::PASSWORD;

#[tokio::test]
async fn a_full_queue_is_told_and_so_is_every_sign_in_that_it_refuses() {
    let costly = PasswordConfig { memory_kib: 65_536, iterations: 3, threads: 1, queue: 1 };
    let watched = Watched::spawn_with(|config| config.passwords = costly).await;
    let body = json!({"email": "nobody@example.com", "password": PASSWORD});
    let all = (0..12).map(|_| watched.post("/api/auth/signin", &body).send());
    let refused = join_all(all).await.iter().filter(|reply| reply.status == 503).count();
    assert!(refused > 0);
    let told = lines(&watched.told().await, &[]);
    let times = |line: &str| told.iter().filter(|told| **told == line).count();
    let of = |event: &str, reason: &str| {
        format!("WARN keyfold.{event} client.address={FROM} outcome=failure reason={reason}")
    };
    assert_eq!(times(&of("sign_in", "overloaded")), refused);
    assert_eq!(times(&of("sign_in", "unknown_account")), 12 - refused);
    // At most one in each second, of which a few may have passed.
    assert!((1..=refused).contains(&times(&of("refusal", "hash_queue"))), "{told:#?}");
}

#[tokio::test]
async fn who_signs_in_and_out_with_a_form_behind_a_proxy_is_told_by_their_own_address() {
    let watched = Watched::spawn_with(|config| config.http.trusted_proxies = 1).await;
    let form = |path: &str, cookie: &str, body: String| {
        let request = watched.app.post(path).header("sec-fetch-site", "same-origin");
        let request = request.header("x-forwarded-for", "192.0.2.66, 192.0.2.7");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.header("cookie", cookie).body(body).send()
    };
    let ada = watched.app.sign_up("ada@example.com").await;
    let body = |password: &str| format!("email=ada%40example.com&password={password}");
    assert_eq!(form("/login", "", body("wrong+password")).await.status, 401);
    let entered = form("/login", "", body(&PASSWORD.replace(' ', "+"))).await;
    assert_eq!(entered.status, 303);
    let cookie = entered.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!(form("/signout", &cookie, String::new()).await.status, 303);

    let names = [(ada.id.as_str(), "ada")];
    let told = lines(&watched.told().await, &names);
    let by_form: Vec<_> = told.iter().filter(|line| line.contains("192.0.2.")).collect();
    assert!(by_form.iter().all(|line| line.contains("client.address=192.0.2.7 ")), "{by_form:?}");
    let events: Vec<_> = by_form.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(
        events,
        [
            "keyfold.sign_in",
            "session.start",
            "keyfold.token.issued",
            "keyfold.sign_in",
            "session.end",
            "keyfold.sign_out",
        ]
    );
    let failed = "WARN keyfold.sign_in client.address=192.0.2.7 outcome=failure reason=wrong_password user.id=ada";
    assert_eq!(by_form[0], failed);
}

#[tokio::test]
async fn a_sign_up_whose_client_goes_away_is_finished_and_told() {
    let watched = Watched::spawn().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    let lock = Locked::new(&watched.app.connection()).await;
    lock.holds_up(1, pin!(watched.post("/api/auth/signup", &body).send())).await;
    lock.release().await;
    until("the session has begun", async || !watched.app.dump("sessions").await.is_empty()).await;
    let told = lines(&watched.told().await, &[]);
    let events: Vec<_> = told.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(
        events[2..],
        ["keyfold.sign_up", "session.start", "keyfold.token.issued"],
        "{told:#?}"
    );
}

#[tokio::test]
async fn a_flood_of_forgeries_is_counted_and_told_by_the_hundred() {
    let watched = Watched::spawn().await;
    let ada = watched.app.sign_up("ada@example.com").await;
    for number in 0..300 {
        let forged = ada.with_token(&format!("forgery {number}"));
        forged.list("").await.expect(401);
    }
    ada.sign_out().await.expect(200);
    ada.list("").await.expect(401);
    let told = lines(&watched.told().await, &[]);
    let refused = told.iter().filter(|line| line.contains("keyfold.token.refused"));
    let (authentic, forged): (Vec<_>, Vec<_>) = refused.partition(|line| line.contains("user.id="));
    // A hundred in each second, of which some pass meanwhile.
    assert!((100..=300).contains(&forged.len()), "{}", forged.len());
    assert_eq!(authentic.len(), 1);
}
