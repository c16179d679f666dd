//! A checker that never failed is not believed: every kind of violation is shown to it, and it tells each apart from the
//! histories that only look like one.

#[path = "../../../benches/chaos/checker/mod.rs"]
mod checker;

use uuid::Uuid;

use self::checker::history::{
    Action, Digest, Logged, Moment, Outcome, SessionAct, SessionOperation, Span, TaskOperation,
};
use self::checker::{Kind, Verdict, sessions, tasks};

const TASK: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn span(begun: u64, ended: u64) -> Span {
    Span { begun: Moment(begun), ended: Moment(ended) }
}

fn op(begun: u64, ended: u64, action: Action) -> TaskOperation {
    TaskOperation { span: span(begun, ended), action }
}

fn wrote(begun: u64, ended: u64, value: u64) -> TaskOperation {
    op(begun, ended, Action::Write(value, Outcome::Done))
}

fn saw(begun: u64, ended: u64, value: u64) -> TaskOperation {
    op(begun, ended, Action::SawTask(TASK, Some(value)))
}

fn saw_list(begun: u64, ended: u64, tasks: &[(Uuid, u64)]) -> TaskOperation {
    op(begun, ended, Action::SawList(Digest::of(tasks.iter().copied())))
}

fn use_of(begun: u64, ended: u64, act: SessionAct) -> SessionOperation {
    SessionOperation { session: 7, span: span(begun, ended), act }
}

fn kinds(verdict: &Verdict) -> Vec<Kind> {
    verdict.violations.iter().map(|violation| violation.kind).collect()
}

/// The violations in a history of a list whose log has one task with the values 10, 11, 12.
fn found(operations: &[TaskOperation]) -> Vec<Kind> {
    let log = [10, 11, 12].map(|value| Logged::Wrote(TASK, value));
    kinds(&tasks::verify(operations, &log))
}

#[test]
fn a_history_in_order_has_no_violation() {
    let history = [
        wrote(0, 1, 10),
        saw(2, 3, 10),
        wrote(4, 5, 11),
        saw_list(6, 7, &[(TASK, 11)]),
        wrote(8, 9, 12),
        saw(10, 11, 12),
    ];
    assert_eq!(found(&history), []);
    let log = [10, 11, 12].map(|value| Logged::Wrote(TASK, value));
    assert_eq!(tasks::verify(&history, &log).checks, 12);
}

#[test]
fn a_lost_write_is_found() {
    assert_eq!(found(&[wrote(0, 1, 99)]), [Kind::LostWrite]);
    let deleted = op(0, 1, Action::Delete(TASK, Outcome::Done));
    assert_eq!(found(&[deleted]), [Kind::LostWrite]);
}

#[test]
fn a_change_that_was_refused_and_made_is_found() {
    let refused = |value| op(0, 1, Action::Write(value, Outcome::Failed));
    assert_eq!(found(&[refused(10)]), [Kind::RefusedButMade]);
    assert_eq!(found(&[refused(99)]), []);
}

#[test]
fn a_change_that_was_made_twice_is_found() {
    let log = [10, 11, 10].map(|value| Logged::Wrote(TASK, value));
    assert_eq!(kinds(&tasks::verify(&[wrote(0, 1, 10)], &log)), [Kind::MadeTwice]);
}

#[test]
fn a_stale_read_after_an_acknowledged_write_is_found() {
    assert_eq!(found(&[wrote(0, 1, 11), saw(2, 3, 10)]), [Kind::StaleRead]);
    assert_eq!(found(&[wrote(0, 1, 11), saw_list(2, 3, &[(TASK, 10)])]), [Kind::StaleRead]);
    assert_eq!(found(&[wrote(0, 1, 10), saw_list(2, 3, &[])]), [Kind::StaleRead]);
    let gone = op(2, 3, Action::SawTask(TASK, None));
    assert_eq!(found(&[wrote(0, 1, 10), gone]), [Kind::StaleRead]);
}

#[test]
fn a_read_beside_a_write_may_show_either_state() {
    assert_eq!(found(&[wrote(0, 1, 10), wrote(2, 9, 11), saw(3, 4, 10)]), []);
    assert_eq!(found(&[wrote(0, 1, 10), wrote(2, 9, 11), saw(3, 4, 11)]), []);
}

#[test]
fn a_read_that_is_older_than_a_finished_read_is_found() {
    let history = [wrote(0, 1, 10), wrote(2, 9, 11), saw(3, 4, 11), saw(5, 6, 10)];
    assert_eq!(found(&history), [Kind::NonMonotonicRead]);
    // Side by side, either may be the older one.
    assert_eq!(found(&[wrote(0, 1, 10), wrote(2, 9, 11), saw(3, 6, 11), saw(4, 5, 10)]), []);
}

#[test]
fn a_read_of_what_never_was_is_found() {
    assert_eq!(found(&[saw(0, 1, 99)]), [Kind::UnexplainedRead]);
    let mixed = [(TASK, 10), (OTHER, 20)];
    assert_eq!(found(&[saw_list(0, 1, &mixed)]), [Kind::UnexplainedRead]);
}

#[test]
fn a_write_that_took_its_place_before_what_was_known_is_found() {
    assert_eq!(found(&[saw(0, 1, 12), wrote(2, 3, 11)]), [Kind::WriteOutOfOrder]);
    let unknown = op(2, 3, Action::Write(11, Outcome::Unknown));
    assert_eq!(found(&[saw(0, 1, 12), unknown]), [Kind::WriteOutOfOrder]);
}

#[test]
fn a_change_of_unknown_outcome_may_be_there_or_not_but_once_there_stays() {
    let unknown = |value| op(0, 1, Action::Write(value, Outcome::Unknown));
    assert_eq!(found(&[unknown(99)]), []);
    // It may come to be long after it was given up.
    assert_eq!(found(&[wrote(0, 1, 10), unknown(11), saw(2, 3, 10), saw(4, 5, 11)]), []);
    assert_eq!(found(&[unknown(11), saw(2, 3, 11), saw(4, 5, 10)]), [Kind::NonMonotonicRead]);
}

#[test]
fn a_list_that_returns_to_a_former_state_is_explained_by_either_version() {
    let log = [
        Logged::Wrote(TASK, 10),
        Logged::Wrote(OTHER, 20),
        Logged::Deleted(OTHER),
        Logged::Wrote(TASK, 11),
    ];
    let deleted = op(4, 5, Action::Delete(OTHER, Outcome::Done));
    let again = [wrote(0, 1, 20), deleted, saw_list(6, 7, &[(TASK, 10)])];
    assert_eq!(kinds(&tasks::verify(&again, &log)), []);
    // The later version explains it, and nothing that comes after may be older than that.
    let gone = op(8, 9, Action::SawTask(OTHER, Some(20)));
    let history = [&again[..], &[gone]].concat();
    assert_eq!(kinds(&tasks::verify(&history, &log)), [Kind::StaleRead]);
}

#[test]
fn a_token_accepted_after_an_acknowledged_sign_out_is_found() {
    let signed_out = use_of(2, 3, SessionAct::SignOut(Outcome::Done));
    let accepted = |begun, ended| use_of(begun, ended, SessionAct::Accepted);
    let found = |history: &[_]| kinds(&sessions::verify(history));
    assert_eq!(found(&[accepted(0, 1), signed_out, accepted(4, 5)]), [Kind::AcceptedAfterSignOut]);
    // A request that began before the answer may still be accepted.
    assert_eq!(found(&[accepted(0, 1), signed_out, accepted(2, 9)]), []);
}

#[test]
fn a_session_that_comes_back_after_a_refusal_is_found() {
    let unknown = use_of(0, 1, SessionAct::SignOut(Outcome::Unknown));
    let refused = use_of(2, 3, SessionAct::Refused);
    let accepted = |begun| use_of(begun, begun + 1, SessionAct::Accepted);
    let found = |history: &[_]| kinds(&sessions::verify(history));
    assert_eq!(found(&[unknown, accepted(2), refused]), []);
    assert_eq!(found(&[unknown, refused, accepted(4)]), [Kind::AcceptedAfterRefusal]);
}

#[test]
fn a_live_session_that_is_refused_is_found() {
    let refused = use_of(2, 3, SessionAct::Refused);
    let failed = use_of(0, 1, SessionAct::SignOut(Outcome::Failed));
    let found = |history: &[_]| kinds(&sessions::verify(history));
    assert_eq!(found(&[refused]), [Kind::LiveSessionRefused]);
    assert_eq!(found(&[failed, refused]), [Kind::LiveSessionRefused]);
}

#[test]
fn a_violation_is_told_with_its_time_and_verdicts_add_up() {
    let mut verdict = tasks::verify(&[wrote(2_000_000, 1_500_000_000, 99)], &[]);
    verdict.merge(sessions::verify(&[use_of(0, 1, SessionAct::Accepted)]));
    let told: Vec<_> = verdict.violations.iter().map(ToString::to_string).collect();
    let lost =
        "LostWrite (0.002 s to 1.500 s): the value 99 was answered as done and is not in the log";
    assert_eq!((verdict.checks, told), (4, vec![lost.to_owned()]));
}
