//! Every authentication event leaves as a log record with user, client address and outcome.

use std::time::Duration;

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::Method;
use serde_json::json;

use super::collector::Collector;
use super::hex;
use super::watched::{FROM, Watched, hash, lines};
use crate::support::app::SECRET;
use crate::support::process::ExternalDatabase;
use crate::support::user::{PASSWORD, TestUser};

const DAY: Duration = Duration::from_hours(24);

/// Forgets the key ids, which are different in every run.
fn without_key_ids(records: Vec<LogRecord>) -> Vec<LogRecord> {
    let without = |mut record: LogRecord| {
        record.attributes.retain(|attribute| attribute.key != "key.id");
        record
    };
    records.into_iter().map(without).collect()
}

#[tokio::test]
async fn signing_up_in_and_out_is_told_with_who_from_where_and_how_it_ended() {
    let watched = Watched::spawn().await;
    let ada = watched.app.sign_up("ada@example.com").await;
    let taken = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    watched.post("/api/auth/signup", &taken).send().await.expect(409);
    watched.sign_in("nobody@example.com", PASSWORD, 401).await;
    watched.sign_in("ada@example.com", "not her password", 401).await;
    let again = watched.sign_in("ada@example.com", PASSWORD, 200).await;
    let again = TestUser::signed_in(&watched.app.url(), &again);
    again.sign_out().await.expect(200);
    again.list("").await.expect(401);
    ada.request(Method::PATCH, "/api/auth/profile").json(&json!({"name": "A"})).send().await;

    let (first, second) = (hash(&ada.session_id), hash(&again.session_id));
    let names = [(ada.id.as_str(), "ada"), (first.as_str(), "first"), (&second, "second")];
    let told = lines(&without_key_ids(watched.told().await), &names);
    let ada = |session: &str| {
        format!("client.address={FROM} outcome=success session.id={session} user.id=ada")
    };
    assert_eq!(
        told,
        [
            "INFO keyfold.key.published outcome=success".to_owned(),
            "INFO keyfold.key.signing outcome=success".to_owned(),
            format!("INFO keyfold.sign_up client.address={FROM} outcome=success user.id=ada"),
            format!("INFO session.start {}", ada("first")),
            format!("INFO keyfold.token.issued {}", ada("first")),
            format!(
                "WARN keyfold.sign_up client.address={FROM} outcome=failure reason=email_taken"
            ),
            format!(
                "WARN keyfold.sign_in client.address={FROM} outcome=failure reason=unknown_account"
            ),
            format!(
                "WARN keyfold.sign_in client.address={FROM} outcome=failure reason=wrong_password user.id=ada"
            ),
            format!("INFO session.start {}", ada("second")),
            format!("INFO keyfold.token.issued {}", ada("second")),
            format!("INFO keyfold.sign_in client.address={FROM} outcome=success user.id=ada"),
            format!(
                "INFO session.end client.address={FROM} outcome=success reason=signed_out session.id=second \
                 user.id=ada"
            ),
            format!("INFO keyfold.sign_out {}", ada("second")),
            format!(
                "INFO keyfold.token.refused client.address={FROM} outcome=failure reason=session_ended \
                 session.id=second user.id=ada"
            ),
            format!("INFO keyfold.profile.change {}", ada("first")),
        ]
    );
}

#[tokio::test]
async fn a_refused_token_is_told_with_the_reason_and_with_whose_it_is_only_if_it_is_authentic() {
    let watched = Watched::spawn().await;
    let ada = watched.app.sign_up("ada@example.com").await;
    let (signed, signature) = ada.token.rsplit_once('.').unwrap();
    let (_, claims) = signed.split_once('.').unwrap();
    // {"alg":"RS256","typ":"at+jwt","kid":"nobody's"}
    let unknown = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6Im5vYm9keSdzIn0";
    let mut turned: Vec<_> = signature.chars().collect();
    turned.swap(0, 1);
    let turned: String = turned.into_iter().collect();
    let forged = [
        "nonsense".to_owned(),
        format!("{unknown}.{claims}.{signature}"),
        format!(
            "{signed}.{}",
            if turned == signature { format!("A{}", &signature[1..]) } else { turned }
        ),
    ];
    for token in &forged {
        ada.with_token(token).list("").await.expect(401);
    }
    watched.app.get("/api/auth/token").bearer(&ada.token).send().await.expect(401);
    watched.app.clock().advance(Duration::from_mins(15));
    ada.list("").await.expect(401);
    let session = hash(&ada.session_id);
    let names = [(ada.id.as_str(), "ada"), (session.as_str(), "hers")];
    let told: Vec<_> = lines(&watched.told().await, &names)
        .into_iter()
        .filter(|line| line.contains("keyfold.token.refused"))
        .collect();
    let refused = |level: &str, reason: &str, whose: &str| {
        format!(
            "{level} keyfold.token.refused client.address={FROM} outcome=failure reason={reason}{whose}"
        )
    };
    assert_eq!(
        told,
        [
            refused("INFO", "malformed", ""),
            refused("WARN", "unknown_key", ""),
            refused("WARN", "wrong_signature", ""),
            refused("INFO", "session_required", " session.id=hers user.id=ada"),
            refused("INFO", "expired", " session.id=hers user.id=ada"),
        ]
    );
}

#[tokio::test]
async fn extensions_expiry_revocation_and_new_passwords_are_told() {
    let watched = Watched::spawn().await;
    let ada = watched.app.sign_up("ada@example.com").await;
    let other = TestUser::sign_in(&watched.app.url(), "ada@example.com").await;
    let revoke = format!("/api/auth/sessions/{}", other.session_id);
    ada.request(Method::DELETE, &revoke).send().await.expect(204);
    let change = |current: &str| {
        let body = json!({"currentPassword": current, "newPassword": "another long password"});
        ada.request(Method::POST, "/api/auth/password").json(&body).send()
    };
    change("not her password").await.expect(400);
    let anew = TestUser::signed_in(&watched.app.url(), &change(PASSWORD).await.expect(200));
    watched.app.clock().advance(DAY);
    watched.app.get("/api/auth/session").bearer(&anew.session_token).send().await.expect(200);
    watched.app.clock().advance(7 * DAY);
    crate::support::process::until("the session has expired", async || {
        watched.app.dump("sessions").await.is_empty()
    })
    .await;
    let sessions = [&ada, &other, &anew].map(|user| hash(&user.session_id));
    let names = [
        (ada.id.as_str(), "ada"),
        (sessions[0].as_str(), "first"),
        (sessions[1].as_str(), "other"),
        (sessions[2].as_str(), "anew"),
    ];
    let told: Vec<_> = lines(&watched.told().await, &names)
        .into_iter()
        .filter(|line| ["session.e", "password", "extended"].iter().any(|word| line.contains(word)))
        .collect();
    let about = |outcome: &str, session: &str| {
        format!("client.address={FROM} outcome={outcome} session.id={session} user.id=ada")
    };
    let ended = |reason: &str, session: &str| {
        format!("outcome=success reason={reason} session.id={session} user.id=ada")
    };
    assert_eq!(
        told,
        [
            format!("INFO session.end client.address={FROM} {}", ended("revoked", "other")),
            format!(
                "WARN keyfold.password.change client.address={FROM} outcome=failure reason=wrong_password \
                 session.id=first user.id=ada"
            ),
            format!("INFO keyfold.password.change {}", about("success", "first")),
            format!(
                "INFO session.end client.address={FROM} {}",
                ended("password_changed", "first")
            ),
            format!("INFO keyfold.session.extended {}", about("success", "anew")),
            // No request caused it.
            format!("INFO session.end {}", ended("idle", "anew")),
        ]
    );
}

#[tokio::test]
async fn what_happens_to_a_key_is_told_from_its_publication_to_its_end() {
    let watched = Watched::spawn().await;
    let keys = &watched.app.running().features().keys;
    let first = keys.key_set().signing.as_ref().unwrap().kid.clone();
    let second = keys.rotate().await.unwrap().kid;
    watched.app.clock().advance(Duration::from_mins(15));
    let signs = |kid: &str| {
        let kid = kid.to_owned();
        async move || keys.signs_with(&kid)
    };
    crate::support::process::until("the second key signs", signs(&second)).await;
    watched.app.clock().advance(Duration::from_hours(1));
    crate::support::process::until("the first key has left", async || {
        !keys.key_set().verifying.contains_key(&first)
    })
    .await;
    let third = keys.revoke(&second).await.unwrap().unwrap();
    let names = [(first.as_str(), "first"), (second.as_str(), "second"), (third.as_str(), "third")];
    let records = watched.told().await;
    // Each in a trace and a span of its own: no request asked for it.
    assert!(records.iter().all(|record| record.trace_id.len() == 16 && record.span_id.len() == 8));
    assert_eq!(
        lines(&records, &names),
        [
            "INFO keyfold.key.published key.id=first outcome=success",
            "INFO keyfold.key.signing key.id=first outcome=success",
            "INFO keyfold.key.published key.id=second outcome=success",
            "INFO keyfold.key.verifying key.id=first outcome=success",
            "INFO keyfold.key.signing key.id=second outcome=success",
            "INFO keyfold.key.retired key.id=first outcome=success",
            "WARN keyfold.key.revoked key.id=second outcome=success",
            "INFO keyfold.key.published key.id=third outcome=success",
            "INFO keyfold.key.signing key.id=third outcome=success",
        ]
    );
}

#[tokio::test]
async fn an_event_carries_the_trace_of_its_request_though_no_span_of_it_is_kept() {
    let watched = Watched::spawn().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let body = json!({"email": "nobody@example.com", "password": PASSWORD});
    let request = watched.post("/api/auth/signin", &body);
    let parent = format!("00-{trace}-00f067aa0ba902b7-00");
    let reply = request.header("traceparent", &parent).send().await;
    assert_eq!(reply.expect(401)["traceId"], trace);
    let span = reply.header("traceresponse").to_owned();
    let records = watched.told().await;
    let [record] = &records[2..] else { panic!("{records:?}") };
    let told = format!("00-{}-{}-00", hex(&record.trace_id), hex(&record.span_id));
    assert_eq!((hex(&record.trace_id).as_str(), told), (trace, span));
}

#[tokio::test]
async fn what_an_operator_ends_is_told_in_a_trace_of_its_own() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let keyfold = database.keyfold(SECRET);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let grace = TestUser::sign_up(&server.url, "grace@example.com").await;
    server.stop().await;
    let keyfold = super::exporting(&keyfold, collector.address);
    let keyfold = keyfold.set("KEYFOLD_TRACE_SAMPLING", "1");
    keyfold.print(&["users", "delete", &ada.email]).await;
    keyfold.print(&["sessions", "end"]).await;
    let records: Vec<_> =
        collector.records().into_iter().filter(|record| !record.event_name.is_empty()).collect();
    let (hers, another) = (hash(&ada.session_id), hash(&grace.session_id));
    let names = [(ada.id.as_str(), "ada"), (grace.id.as_str(), "grace")];
    let names: Vec<_> =
        names.into_iter().chain([(hers.as_str(), "hers"), (&another, "another")]).collect();
    assert_eq!(
        lines(&records, &names),
        [
            "INFO session.end outcome=success reason=user_deleted session.id=hers user.id=ada",
            "INFO session.end outcome=success reason=revoked session.id=another user.id=grace",
        ]
    );
    let spans = collector.spans();
    for record in &records {
        let is_of =
            |span: &&Span| span.trace_id == record.trace_id && span.parent_span_id.is_empty();
        let roots: Vec<_> = spans.iter().filter(is_of).collect();
        let [root] = &roots[..] else { panic!("{roots:?}") };
        assert_eq!((root.name.as_str(), &root.span_id), ("command", &record.span_id));
    }
}
