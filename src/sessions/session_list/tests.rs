//! Rules of a list of sessions, given / when / then.

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::eventlog::Event;
use crate::eventlog::model::testing::{assert_golden, given, replay};
use crate::sessions::events::SessionExtended;
use crate::sessions::token::TokenHash;

const IDLE: i64 = 7 * DAY;
const ABSOLUTE: i64 = 90 * DAY;
const DAY: i64 = 24 * 60 * 60;

const LIMITS: Limits =
    Limits { idle: Duration::from_hours(7 * 24), absolute: Duration::from_hours(90 * 24) };

fn id(number: usize) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number as u128))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

/// A session that begins at some second.
fn starts(number: usize, from: i64) -> SessionStarted {
    SessionStarted {
        session_id: id(number),
        credential_id: Some(Uuid::from_u128(7)),
        token_hash: TokenHash([7; 32]),
        user_agent: Some("Firefox".to_owned()),
        client_address: Some([192, 0, 2, 1].into()),
        started_at: at(from),
        expires_at: at(from + IDLE),
        ends_at: at(from + ABSOLUTE),
    }
}

fn started(number: usize, from: i64) -> SessionEvent {
    SessionEvent::Started(starts(number, from))
}

fn extended(number: usize, seen: i64, expires: i64) -> SessionEvent {
    let (seen_at, expires_at) = (at(seen), at(expires));
    SessionEvent::Extended(SessionExtended { session_id: id(number), seen_at, expires_at })
}

fn used(number: usize, now: i64) -> Command {
    Command::Extend { session_id: id(number), now: at(now), limits: LIMITS }
}

fn ends(number: usize) -> Command {
    Command::End { session_id: id(number), reason: EndReason::SignedOut, now: at(1) }
}

fn expire(now: i64) -> Command {
    Command::Expire { now: at(now) }
}

/// A session that is used every day, and so lasts as long as a session may.
fn used_every_day(number: usize) -> impl Iterator<Item = SessionEvent> {
    let extensions =
        (1..=89).map(move |day| extended(number, day * DAY, (day * DAY + IDLE).min(ABSOLUTE)));
    std::iter::once(started(number, 0)).chain(extensions)
}

#[test]
fn a_session_ends_once() {
    let signed_out = ended(id(1), EndReason::SignedOut);
    given::<SessionList>([started(1, 0)]).when(ends(1)).then([signed_out.clone()]);
    given::<SessionList>([started(1, 0), signed_out]).when(ends(1)).then([]);
    given::<SessionList>([]).when(ends(1)).then([]);
}

#[test]
fn all_sessions_end_or_all_but_one() {
    let three = || given::<SessionList>([started(1, 0), started(2, 0), started(3, 0)]);
    let (reason, now) = (EndReason::Revoked, at(2));
    three()
        .when(Command::EndAll { except: Some(id(2)), reason, now })
        .then([ended(id(1), reason), ended(id(3), reason)]);
    three()
        .when(Command::EndAll { except: None, reason, now })
        .then([1, 2, 3].map(|number| ended(id(number), reason)));
}

#[test]
fn a_session_whose_time_was_over_ends_for_that_reason_whoever_ends_it() {
    let history = || [started(1, 0), started(2, 1)];
    let (reason, now) = (EndReason::Revoked, at(IDLE));
    let idle = ended(id(1), EndReason::Idle);
    given::<SessionList>(history())
        .when(Command::End { session_id: id(1), reason, now })
        .then([idle.clone()]);
    given::<SessionList>(history())
        .when(Command::EndAll { except: None, reason, now })
        .then([idle, ended(id(2), reason)]);
}

#[test]
fn use_extends_a_session_once_a_day() {
    let at_day = |day: i64| extended(1, day * DAY, day * DAY + IDLE);
    given::<SessionList>([started(1, 0)]).when(used(1, DAY - 1)).then([]);
    given::<SessionList>([started(1, 0)]).when(used(1, DAY)).then([at_day(1)]);
    let history = || [started(1, 0), at_day(1)];
    given::<SessionList>(history()).when(used(1, DAY)).then([]);
    given::<SessionList>(history()).when(used(1, 2 * DAY - 1)).then([]);
    given::<SessionList>(history()).when(used(1, 2 * DAY)).then([at_day(2)]);
}

#[test]
fn a_short_session_is_extended_seven_times_before_it_would_be_over() {
    let minute = Limits { idle: Duration::from_mins(1), ..LIMITS };
    let due = |millis| minute.is_extension_due(at(0), Timestamp::from_unix_millis(millis));
    assert_eq!([due(8_570), due(8_571)], [false, true]);
}

#[test]
fn no_use_extends_a_session_beyond_its_absolute_end() {
    let last = 89 * DAY;
    given::<SessionList>(used_every_day(1).take(89))
        .when(used(1, last))
        .then([extended(1, last, ABSOLUTE)]);
    given::<SessionList>(used_every_day(1)).when(used(1, ABSOLUTE)).then([]);
}

#[test]
fn use_does_not_revive_a_session_whose_time_is_over_or_that_ended() {
    given::<SessionList>([started(1, 0)]).when(used(1, IDLE)).then([]);
    let signed_out = ended(id(1), EndReason::SignedOut);
    given::<SessionList>([started(1, 0), signed_out]).when(used(1, DAY)).then([]);
    given::<SessionList>([]).when(used(1, DAY)).then([]);
}

#[test]
fn a_session_expires_once_for_the_reason_it_was_over() {
    let idle = ended(id(1), EndReason::Idle);
    given::<SessionList>([started(1, 0), started(2, 1)]).when(expire(IDLE - 1)).then([]);
    given::<SessionList>([started(1, 0), started(2, 1)]).when(expire(IDLE)).then([idle.clone()]);
    given::<SessionList>([started(1, 0), idle]).when(expire(IDLE)).then([]);
    given::<SessionList>(used_every_day(1)).when(expire(ABSOLUTE - 1)).then([]);
    given::<SessionList>(used_every_day(1))
        .when(expire(ABSOLUTE))
        .then([ended(id(1), EndReason::Absolute)]);
}

#[test]
fn a_new_session_buries_those_whose_time_is_over() {
    given::<SessionList>([started(1, 0), started(2, 1)])
        .when(Command::Start(starts(3, IDLE)))
        .then([ended(id(1), EndReason::Idle), started(3, IDLE)]);
}

#[test]
fn a_session_too_many_ends_the_oldest() {
    let full = || (1..=MAX_SESSIONS).map(|number| started(number, 0));
    given::<SessionList>(full())
        .when(Command::Start(starts(1000, 1)))
        .then([ended(id(1), EndReason::Superseded), started(1000, 1)]);
    // One that is over makes room for the one that begins.
    let over = (2..=MAX_SESSIONS).map(|number| started(number, 1)).chain([started(1, 0)]);
    given::<SessionList>(over)
        .when(Command::Start(starts(1000, IDLE)))
        .then([ended(id(1), EndReason::Idle), started(1000, IDLE)]);
}

#[test]
fn a_session_starts_once() {
    given::<SessionList>([started(1, 0)]).when(Command::Start(starts(1, 0))).then([]);
}

#[test]
fn live_sessions_are_listed_newest_first() {
    let history = [started(1, 0), started(2, 1), started(3, 2), extended(1, DAY, DAY + IDLE)];
    let state = replay::<SessionList>(history);
    let live = |now| state.live(at(now)).map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(live(0), [id(3), id(2), id(1)]);
    assert_eq!(live(IDLE + 1), [id(3), id(1)]);
    assert_eq!(live(DAY + IDLE), []);
}

#[test]
fn every_history_can_be_folded() {
    let alphabet = [
        started(1, 0),
        started(2, 0),
        extended(1, DAY, DAY + IDLE),
        ended(id(1), EndReason::SignedOut),
    ];
    for first in &alphabet {
        for second in &alphabet {
            for third in &alphabet {
                replay::<SessionList>([first.clone(), second.clone(), third.clone()]);
            }
        }
    }
}

#[test]
fn stored_events_keep_their_shape() {
    let start = 1_763_812_800;
    assert_golden(&[
        started(1, start),
        extended(1, start + DAY, start + DAY + IDLE),
        ended(id(1), EndReason::SignedOut),
    ]);
}

#[test]
fn a_session_that_began_before_its_credential_was_recorded_can_be_read() {
    let older = r#"{
        "sessionId": "00000000-0000-0000-0000-000000000001",
        "tokenHash": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
        "userAgent": "Firefox", "clientAddress": "192.0.2.1",
        "startedAt": "1970-01-01T00:00:00.000Z", "expiresAt": "1970-01-08T00:00:00.000Z",
        "endsAt": "1970-04-01T00:00:00.000Z"
    }"#;
    let read = SessionEvent::decode("SessionStarted", 1, older).unwrap();
    assert_eq!(read, SessionEvent::Started(SessionStarted { credential_id: None, ..starts(1, 0) }));
}

#[test]
fn the_reasons_of_ends_keep_their_names() {
    let reasons = [
        EndReason::SignedOut,
        EndReason::Revoked,
        EndReason::PasswordChanged,
        EndReason::Idle,
        EndReason::Absolute,
        EndReason::Superseded,
        EndReason::Replaced,
        EndReason::UserDeleted,
    ];
    assert_eq!(
        serde_json::to_value(reasons).unwrap(),
        serde_json::json!([
            "signedOut",
            "revoked",
            "passwordChanged",
            "idle",
            "absolute",
            "superseded",
            "replaced",
            "userDeleted"
        ])
    );
}
