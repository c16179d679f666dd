//! Decisions of the key ring, given its events.

use std::time::Duration;

use super::*;
use crate::eventlog::model::testing::{assert_golden, given, replay};
use crate::keys::jwk::RsaJwk;

const SCHEDULE: Schedule = Schedule {
    rotation: Duration::from_secs(100),
    lead: Duration::from_secs(10),
    token_lifetime: Duration::from_secs(20),
};

fn key(kid: &str) -> Jwk {
    let Jwk::Rsa(key) = Jwk::rs256(&[5], &[1, 0, 1]) else { unreachable!() };
    Jwk::Rsa(RsaJwk { kid: kid.to_owned(), ..key })
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

fn published(kid: &str, signs_from: i64) -> KeyEvent {
    KeyEvent::Published(KeyPublished { public_key: key(kid), signs_from: at(signs_from) })
}

fn started(kid: &str, since: i64) -> KeyEvent {
    super::started(kid, at(since))
}

fn stopped(kid: &str, until: i64) -> KeyEvent {
    super::stopped(&key(kid), at(until))
}

fn retired(kid: &str) -> KeyEvent {
    KeyEvent::Retired(KeyRetired { kid: kid.to_owned() })
}

fn revoked(kid: &str) -> KeyEvent {
    KeyEvent::Revoked(KeyRevoked { kid: kid.to_owned() })
}

fn begin(kid: &str, now: i64) -> Command {
    Command::Begin { key: key(kid), now: at(now) }
}

fn publish(kid: &str, succeeds: &str, signs_from: i64) -> Command {
    Command::Publish { key: key(kid), succeeds: succeeds.to_owned(), signs_from: at(signs_from) }
}

fn advance(now: i64) -> Command {
    Command::Advance { now: at(now), verifies_until: at(now + 30) }
}

fn revoke(kid: &str, successor: Option<&str>) -> Command {
    Command::Revoke { kid: kid.to_owned(), successor: successor.map(key), now: at(50) }
}

fn replace(signing: Option<&str>, successor: &str) -> Command {
    let signing = signing.map(ToOwned::to_owned);
    Command::Replace { signing, successor: key(successor), now: at(50) }
}

/// `a` signs, without a successor.
fn one_key() -> Vec<KeyEvent> {
    vec![published("a", 0), started("a", 0)]
}

/// `a` signs, `b` is published.
fn two_keys() -> Vec<KeyEvent> {
    [one_key(), vec![published("b", 100)]].concat()
}

/// `a` verifies, `b` signs.
fn turned() -> Vec<KeyEvent> {
    [two_keys(), vec![stopped("a", 130), started("b", 100)]].concat()
}

#[test]
fn an_empty_ring_begins_with_the_first_key_offered() {
    given::<KeyRing>([]).when(begin("a", 7)).then([published("a", 7), started("a", 7)]);
}

#[test]
fn a_ring_with_a_signing_key_does_not_begin_again() {
    given::<KeyRing>(one_key()).when(begin("b", 7)).then([]);
}

#[test]
fn a_successor_is_published_before_it_signs() {
    given::<KeyRing>(one_key()).when(publish("b", "a", 100)).then([published("b", 100)]);
}

#[test]
fn however_often_a_successor_is_asked_for_one_is_published() {
    given::<KeyRing>(two_keys()).when(publish("c", "a", 100)).then([]);
    given::<KeyRing>(turned()).when(publish("c", "a", 100)).then([]);
}

#[test]
fn a_published_key_does_not_sign_before_its_time() {
    given::<KeyRing>(two_keys()).when(advance(99)).then([]);
}

#[test]
fn the_successor_signs_when_its_time_has_come_and_the_old_key_verifies() {
    given::<KeyRing>(two_keys()).when(advance(100)).then([stopped("a", 130), started("b", 100)]);
    given::<KeyRing>(turned()).when(advance(100)).then([]);
}

#[test]
fn a_key_is_retired_when_its_last_token_has_expired_and_not_before() {
    given::<KeyRing>(turned()).when(advance(129)).then([]);
    given::<KeyRing>(turned()).when(advance(130)).then([retired("a")]);
}

#[test]
fn what_became_due_while_nobody_was_there_is_done_at_once() {
    let history = [turned(), vec![published("c", 200)]].concat();
    let done = [stopped("b", 1030), started("c", 1000), retired("a")];
    given::<KeyRing>(history).when(advance(1000)).then(done);
}

#[test]
fn something_is_due_when_a_successor_is_wanted_when_it_signs_and_when_a_key_retires() {
    let due = |history: Vec<KeyEvent>| replay::<KeyRing>(history).due(&SCHEDULE);
    assert_eq!(due(Vec::new()), None);
    assert_eq!(due(one_key()), Some(at(90)));
    assert_eq!(due(two_keys()), Some(at(100)));
    assert_eq!(due(turned()), Some(at(130)));
    assert_eq!(due([turned(), vec![retired("a")]].concat()), Some(at(190)));
}

#[test]
fn a_revoked_signing_key_leaves_at_once_and_its_successor_signs() {
    given::<KeyRing>(one_key()).when(revoke("a", Some("b"))).then([
        revoked("a"),
        published("b", 50),
        started("b", 50),
    ]);
}

#[test]
fn a_published_key_that_verifiers_know_succeeds_a_revoked_one() {
    given::<KeyRing>(two_keys()).when(revoke("a", None)).then([revoked("a"), started("b", 50)]);
}

#[test]
fn revoking_a_key_that_does_not_sign_changes_nothing_else() {
    given::<KeyRing>(turned()).when(revoke("a", None)).then([revoked("a")]);
    given::<KeyRing>(two_keys()).when(revoke("b", None)).then([revoked("b")]);
}

#[test]
fn a_ring_is_never_left_without_a_signing_key_nor_given_one_it_does_not_need() {
    for (history, command) in [
        (one_key(), revoke("a", None)),
        (two_keys(), revoke("a", Some("c"))),
        (turned(), revoke("a", Some("c"))),
    ] {
        given::<KeyRing>(history).when(command).then_rejected(&Rejection::RingChanged);
    }
}

#[test]
fn what_is_not_in_the_ring_cannot_be_revoked() {
    given::<KeyRing>([one_key(), vec![revoked("z")]].concat())
        .when(revoke("z", None))
        .then_rejected(&Rejection::UnknownKey("z".to_owned()));
}

#[test]
fn when_a_private_half_is_lost_every_key_leaves_and_a_new_one_signs() {
    given::<KeyRing>(turned()).when(replace(Some("b"), "c")).then([
        revoked("a"),
        revoked("b"),
        published("c", 50),
        started("c", 50),
    ]);
    given::<KeyRing>(two_keys())
        .when(replace(Some("b"), "c"))
        .then_rejected(&Rejection::RingChanged);
    given::<KeyRing>([]).when(replace(None, "c")).then([published("c", 50), started("c", 50)]);
}

#[test]
fn a_key_enters_the_ring_once() {
    given::<KeyRing>(one_key())
        .when(publish("a", "a", 100))
        .then_rejected(&Rejection::KnownKey("a".to_owned()));
}

#[test]
fn keys_that_left_are_remembered_with_their_fate_and_not_for_ever() {
    let state = replay::<KeyRing>([turned(), vec![retired("a"), revoked("b")]].concat());
    assert_eq!(
        state.gone,
        [("a".to_owned(), KeyExit::Retired), ("b".to_owned(), KeyExit::Revoked)]
    );
    let many = (0..REMEMBERED + 5).flat_map(|number| {
        let kid = number.to_string();
        [published(&kid, 0), retired(&kid)]
    });
    let gone = replay::<KeyRing>(many).gone;
    assert_eq!((gone.len(), gone[0].0.as_str()), (REMEMBERED, "5"));
}

#[test]
fn every_history_can_be_folded() {
    let alphabet = [
        published("a", 0),
        started("a", 0),
        stopped("a", 1),
        retired("a"),
        revoked("a"),
        started("b", 0),
    ];
    for first in &alphabet {
        for second in &alphabet {
            for third in &alphabet {
                replay::<KeyRing>([first.clone(), second.clone(), third.clone()]);
            }
        }
    }
}

#[test]
fn stored_events_keep_their_shape() {
    let at = 1_763_812_800;
    assert_golden(&[
        published("a", at),
        started("a", at),
        stopped("a", at),
        retired("a"),
        revoked("a"),
    ]);
}
