//! Sessions: started, ended, guessed, and in large numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::requests::{post, sign_in};
use crate::attack::Attack;
use crate::people::Person;
use crate::stage::{Play, Stage, crowd, paced, ready};

const KIND: &str = "sessions";

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new("abandoned-sign-ins", KIND, "140 sign-ins a second hang up at once", |stage| {
        Box::pin(abandoned_sign_ins(stage))
    }),
    Attack::variation(
        "unknown-bearers",
        KIND,
        "64 connections ask with session tokens that nobody has",
        |stage| ready(unknown(stage, "authorization", "Bearer ")),
    ),
    Attack::variation(
        "unknown-cookies",
        KIND,
        "64 connections ask with session cookies that nobody has",
        |stage| ready(unknown(stage, "cookie", "better-auth.session_token=")),
    ),
    Attack::new(
        "ends-at-overload",
        KIND,
        "2 users add tasks over 1,000 connections while two sessions a second are signed out of",
        |stage| Box::pin(ends_at_overload(stage)),
    ),
    Attack::variation(
        "many-of-one",
        KIND,
        "a user with 100 sessions lists and uses them in turn over 32 connections",
        |stage| Box::pin(many_of_one(stage)),
    ),
    Attack::new("wrong-passwords", KIND, "49 sign-ins a second with a wrong password", |stage| {
        Box::pin(wrong_passwords(stage))
    }),
];

async fn abandoned_sign_ins(stage: Stage) -> anyhow::Result<Play> {
    let person = stage.person().await?;
    let body = serde_json::json!({"email": person.email, "password": crate::people::PASSWORD});
    let body = body.to_string();
    let request: Arc<[u8]> = format!(
        "POST /api/auth/signin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
    .into();
    Ok(paced(140, move |_| {
        let (stage, request) = (stage.clone(), Arc::clone(&request));
        async move {
            let connection = stage.connect_and_send(&request).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            stage.hear(if connection.is_some() { "sent and hung up" } else { "not sent" });
        }
    }))
}

fn unknown(stage: Stage, header: &'static str, scheme: &'static str) -> Play {
    crowd(64, move |_| {
        let stage = stage.clone();
        async move {
            // A unique value of the length of a session token.
            let value = format!("{scheme}{:A>43}", crate::fresh_name().replace('-', ""));
            let request = stage.http.get(stage.url("/api/auth/session"));
            stage.send(request.header(header, value)).await;
        }
    })
}

async fn ends_at_overload(stage: Stage) -> anyhow::Result<Play> {
    let users = Arc::new(stage.people(2).await?);
    Ok(crowd(1_001, move |number| {
        let (stage, users) = (stage.clone(), Arc::clone(&users));
        async move {
            let Some(person) = users.get(number % 2) else { return };
            if number == 1_000 {
                end_one(&stage, person).await;
            } else {
                let task = r#"{"title":"Milk"}"#;
                stage.send(post(&stage, person, "", task.into())).await;
            }
        }
    }))
}

async fn session_of(stage: &Stage, person: &Person) -> Option<String> {
    let answer = sign_in(stage, person).send().await.ok()?;
    let body: serde_json::Value = answer.json().await.ok()?;
    body.pointer("/session/token").and_then(serde_json::Value::as_str).map(str::to_owned)
}

async fn end_one(stage: &Stage, person: &Person) {
    if let Some(token) = session_of(stage, person).await {
        let out = stage.http.post(stage.url("/api/auth/signout")).bearer_auth(token).send().await;
        stage.hear(&format!("sign-out {}", out.map_or(0, |answer| answer.status().as_u16())));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
}

async fn many_of_one(stage: Stage) -> anyhow::Result<Play> {
    let person = stage.person().await?;
    let mut tokens = Vec::new();
    for _ in 0..100 {
        tokens.extend(session_of(&stage, &person).await);
    }
    let (tokens, next) = (Arc::new(tokens), Arc::new(AtomicUsize::new(0)));
    Ok(crowd(32, move |number| {
        let (stage, tokens) = (stage.clone(), Arc::clone(&tokens));
        let next = next.fetch_add(1, Ordering::Relaxed);
        async move {
            let Some(token) = tokens.get(next % tokens.len()) else { return };
            let path = if number % 2 == 0 { "/api/auth/sessions" } else { "/api/auth/token" };
            stage.send(stage.http.get(stage.url(path)).bearer_auth(token)).await;
        }
    }))
}

async fn wrong_passwords(stage: Stage) -> anyhow::Result<Play> {
    let person = Arc::new(stage.person().await?);
    Ok(paced(49, move |_| {
        let (stage, person) = (stage.clone(), Arc::clone(&person));
        async move {
            let body = serde_json::json!({"email": person.email, "password": "not the right one"});
            stage.send(stage.http.post(stage.url("/api/auth/signin")).json(&body)).await;
        }
    }))
}
