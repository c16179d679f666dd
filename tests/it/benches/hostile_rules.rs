//! The rules by which `make hostile` judges: its counts, and the losses of an honest client.

#[path = "../../../benches/hostile/honest/ledger.rs"]
mod ledger;
#[path = "../../../benches/hostile/rules.rs"]
mod rules;

use self::ledger::{Ledger, Outcome};
use self::rules::{Figures, Kind, Measured, Sample, Speed, normal_after, percentile};

fn sample(kind: Kind, begun: f64, ended: f64, done: bool) -> Sample {
    Sample { kind, begun, ended, done }
}

/// A write of 10 ms every 20 ms.
fn steady(from: f64, to: f64) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut at = from;
    while at < to {
        samples.push(sample(Kind::Write, at, at + 0.01, true));
        at += 0.02;
    }
    samples
}

fn figures(rate: f64, p99: f64) -> Figures {
    let speed = Speed { rate, p99 };
    Figures { reads: speed, writes: speed, sign_ins: 0, refused: 0 }
}

fn good() -> Measured {
    Measured {
        during: figures(700.0, 30.0),
        harmless: figures(1_000.0, 10.0),
        peak: 450.0,
        normal: Some(5.0),
        wrong: 0,
        ended: false,
        stops_service: false,
    }
}

#[test]
fn a_percentile_is_the_value_that_so_many_do_not_exceed() {
    let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
    assert!((percentile(hundred.clone(), 0.99) - 99.0).abs() < f64::EPSILON);
    assert!((percentile(hundred, 1.0) - 100.0).abs() < f64::EPSILON);
    assert!((percentile(vec![7.0], 0.99) - 7.0).abs() < f64::EPSILON);
}

#[test]
fn the_latency_of_nothing_is_endless() {
    assert!(percentile(Vec::new(), 0.99).is_infinite());
}

#[test]
fn what_is_done_and_what_is_refused_are_counted_where_they_end() {
    let samples = [
        sample(Kind::Write, 0.5, 0.9, true),
        sample(Kind::Write, 1.0, 1.5, true),
        sample(Kind::Write, 1.0, 1.6, false),
        sample(Kind::Read, 1.0, 1.1, true),
        sample(Kind::SignIn, 1.0, 1.2, true),
        sample(Kind::Write, 1.9, 2.0, true),
    ];
    let figures = Figures::of(&samples, 1.0, 2.0);
    assert!((figures.writes.rate - 1.0).abs() < 1e-9, "{figures:?}");
    assert!((figures.reads.rate - 1.0).abs() < 1e-9, "{figures:?}");
    assert_eq!((figures.sign_ins, figures.refused), (1, 1));
}

#[test]
fn a_request_that_hangs_counts_for_the_latency_of_the_time_in_which_it_hung() {
    let samples = [sample(Kind::Write, 1.0, 1.1, true), sample(Kind::Write, 1.0, 9.0, false)];
    let figures = Figures::of(&samples, 2.0, 3.0);
    assert!((figures.writes.p99 - 8_000.0).abs() < 1e-6, "{figures:?}");
}

#[test]
fn all_is_as_before_from_the_first_window_in_which_nothing_is_refused_and_writes_are_as_fast() {
    let before = Figures::of(&steady(0.0, 2.0), 0.0, 2.0);
    let mut samples = steady(4.0, 8.0);
    assert_eq!(normal_after(samples.clone(), &before, 4.0, 8.0), Some(0.0));
    samples.push(sample(Kind::Read, 4.0, 4.75, false));
    let after = normal_after(samples.clone(), &before, 4.0, 8.0).unwrap();
    assert!((0.7..1.0).contains(&after), "{after}");
    let silent: Vec<Sample> = Vec::new();
    assert_eq!(normal_after(silent.clone(), &before, 4.0, 8.0), None);
}

#[test]
fn every_goal_is_met_at_its_bound() {
    assert_eq!(good().missed(), Vec::<&str>::new());
}

#[test]
fn every_goal_that_is_missed_is_named() {
    for (name, measured) in [
        ("writes", Measured { during: figures(699.0, 30.0), ..good() }),
        ("p99", Measured { during: figures(700.0, 31.0), ..good() }),
        ("memory", Measured { peak: 450.1, ..good() }),
        ("recovery", Measured { normal: None, ..good() }),
        ("recovery", Measured { normal: Some(5.1), ..good() }),
        ("nothing lost", Measured { wrong: 1, ..good() }),
        ("alive", Measured { ended: true, ..good() }),
    ] {
        assert_eq!(measured.missed(), [name]);
    }
}

#[test]
fn an_attack_that_stops_all_service_is_judged_by_what_comes_after_it() {
    let stopped = Measured { during: figures(0.0, 9_999.0), stops_service: true, ..good() };
    assert_eq!(stopped.missed(), Vec::<&str>::new());
    assert_eq!(Measured { normal: None, ..stopped }.missed(), ["recovery"]);
}

#[test]
fn figures_that_are_none_meet_no_goal() {
    let nothing = Figures { reads: Speed::default(), ..figures(0.0, f64::INFINITY) };
    let measured = Measured { during: nothing, harmless: nothing, ..good() };
    assert_eq!(measured.missed(), ["writes", "p99"]);
}

fn shown(tasks: &[(&str, &str)]) -> Vec<(String, String)> {
    tasks.iter().map(|(id, title)| ((*id).to_owned(), (*title).to_owned())).collect()
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.added(Some("1".to_owned()), "a", Outcome::Done);
    ledger.added(Some("2".to_owned()), "b", Outcome::Done);
    ledger
}

#[test]
fn a_list_that_shows_what_was_acknowledged_is_right() {
    let mut ledger = ledger();
    ledger.renamed("1", "c", Outcome::Done);
    ledger.renamed("2", "refused", Outcome::Refused);
    ledger.added(None, "refused", Outcome::Refused);
    assert_eq!(ledger.seen(&shown(&[("1", "c"), ("2", "b")])), Ok(()));
    ledger.deleted("1", Outcome::Done);
    assert_eq!(ledger.seen(&shown(&[("2", "b")])), Ok(()));
    assert_eq!(ledger.len(), 1);
}

#[test]
fn a_task_that_is_absent_or_stale_or_unknown_is_wrong() {
    let lists: [&[(&str, &str)]; 3] =
        [&[("1", "a")], &[("1", "old"), ("2", "b")], &[("1", "a"), ("2", "b"), ("3", "c")]];
    for list in lists {
        assert!(ledger().seen(&shown(list)).is_err(), "{list:?}");
    }
    assert!(ledger().missing("1").is_err());
}

#[test]
fn what_was_never_answered_may_be_there_or_not() {
    let mut ledger = ledger();
    ledger.renamed("1", "perhaps", Outcome::Unknown);
    ledger.deleted("2", Outcome::Unknown);
    ledger.added(None, "new", Outcome::Unknown);
    assert_eq!(ledger.seen(&shown(&[("1", "a"), ("2", "b")])), Ok(()));
    assert_eq!(ledger.seen(&shown(&[("1", "perhaps"), ("3", "new")])), Ok(()));
    assert_eq!(ledger.missing("2"), Ok(()));
    // Once it was seen it stays.
    assert!(ledger.seen(&shown(&[("1", "perhaps")])).is_err());
}

#[test]
fn a_change_that_is_acknowledged_settles_what_was_in_doubt_before() {
    let mut ledger = ledger();
    ledger.renamed("1", "perhaps", Outcome::Unknown);
    ledger.renamed("1", "sure", Outcome::Done);
    assert!(ledger.seen(&shown(&[("1", "perhaps"), ("2", "b")])).is_err());
    assert_eq!(ledger.task(0).as_deref(), Some("1"));
    assert_eq!(ledger.task(3).as_deref(), Some("2"));
}
