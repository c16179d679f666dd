//! Ends that are kept and returned, and doubt, in which none may be.

use uuid::Uuid;

use super::*;
use crate::base::id::SessionId;
use crate::eventlog::Mark;

const ALWAYS: Relevance = Relevance { window: Duration::from_secs(10), idle_until: None };

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_millis(second * 1_000)
}

fn recorded_for(position: i64, reason: EndReason) -> Recorded {
    let end = SessionEnd {
        position,
        id: Uuid::from_u128(1),
        session_id: SessionId::from_uuid(Uuid::from_u128(3)),
        reason,
        at: at(0),
    };
    Recorded { position, at: at(0), end: Some(end) }
}

fn recorded(position: i64) -> Recorded {
    recorded_for(position, EndReason::SignedOut)
}

fn unreadable(position: i64) -> Recorded {
    Recorded { end: None, ..recorded(position) }
}

fn heard(most: usize, positions: impl IntoIterator<Item = i64>) -> Ends {
    let mut ends = Ends::new(most);
    for position in positions {
        assert!(ends.hear(recorded(position), &ALWAYS, at(0)));
    }
    ends
}

/// The end at a position; none, at 0.
fn point(position: i64) -> Point {
    if position == 0 { Point::default() } else { recorded(position).end.unwrap().point() }
}

fn in_log(since: Option<i64>, horizon: i64) -> Later {
    Later::InLog { since: since.map(point), horizon }
}

/// Positions of the ends that are returned, the cursor after them, and if there are more.
fn told(ends: &Ends, since: i64, most: usize) -> (Vec<i64>, i64, bool) {
    told_after(ends, point(since), most)
}

fn told_after(ends: &Ends, since: Point, most: usize) -> (Vec<i64>, i64, bool) {
    match ends.after(since, most) {
        Later::Known(ends, next) => {
            assert_eq!(next.since, point(next.since.number));
            (ends.iter().map(|end| end.position).collect(), next.since.number, next.is_more)
        }
        other @ (Later::InLog { .. } | Later::Doubtful) => panic!("{other:?}"),
    }
}

#[test]
fn a_reader_gets_what_came_after_the_end_that_it_knows() {
    let ends = heard(10, [3, 7, 9]);
    assert_eq!(told(&ends, 0, 10), (vec![3, 7, 9], 9, false));
    assert_eq!(told(&ends, 3, 10), (vec![7, 9], 9, false));
    assert_eq!(told(&ends, 0, 2), (vec![3, 7], 7, true));
    assert_eq!(told(&ends, 7, 1), (vec![9], 9, false));
    assert_eq!(told(&ends, 9, 10), (vec![], 9, false));
}

#[test]
fn a_reader_who_knows_an_end_of_another_log_gets_all_that_matter() {
    let mut ends = heard(10, [3, 7, 9]);
    let all = (vec![3, 7, 9], 9, false);
    // In the place of another one, between two, and beyond the last.
    let other = Mark::of(Uuid::from_u128(2));
    for since in [Point::new(7, other), point(5), Point::new(9, other), point(1_000_000)] {
        assert_eq!(told_after(&ends, since, 10), all, "{since}");
    }
    ends.forget(&ALWAYS, at(10));
    assert_eq!(told_after(&ends, point(1_000_000), 10), (vec![], 0, false));
    ends.hear(recorded(11), &ALWAYS, at(10));
    assert_eq!(told(&ends, 7, 10), (vec![11], 11, false), "an end that was known and is forgotten");
}

#[test]
fn what_matters_no_more_is_forgotten_and_not_read_again() {
    let mut ends = heard(10, [3]);
    ends.hear(recorded(7), &ALWAYS, at(5));
    assert!(!ends.forget(&ALWAYS, at(10)));
    assert_eq!(told(&ends, 0, 10), (vec![7], 7, false));
    ends.forget(&ALWAYS, at(15));
    assert_eq!(told(&ends, 7, 10), (vec![], 0, false));
}

#[test]
fn two_hundred_thousand_ends_take_the_room_of_those_that_fit_and_each_is_told_once() {
    let mut ends = Ends::new(1_000);
    let (mut position, mut count) = (0, 0);
    for next in 1..=200_000 {
        ends.hear(recorded(next), &ALWAYS, at(0));
        // A reader that keeps up is handed what is new and nothing else.
        let (found, next, is_more) = told(&ends, position, 100);
        (position, count) = (next, count + found.len());
        assert_eq!((found.len(), is_more), (1, false));
    }
    assert_eq!((count, ends.heard.len()), (200_000, 1_000));
    assert!(ends.heard.capacity() <= 2_048);
}

#[test]
fn a_reader_that_is_further_behind_than_there_is_room_reads_the_log() {
    let mut ends = heard(10, 1..=30);
    assert_eq!(ends.after(point(0), 100), in_log(None, 0));
    assert_eq!(ends.after(point(20), 100), in_log(Some(20), 0));
    assert_eq!(ends.after(point(1_000_000), 100), in_log(None, 0));
    assert_eq!(told(&ends, 21, 100), ((22..=30).collect(), 30, false));
    // Ends that have left for want of room do not matter by then either.
    ends.forget(&ALWAYS, at(10));
    assert_eq!(told(&ends, 0, 100), (vec![], 0, false));
}

#[test]
fn nothing_is_told_while_an_end_that_cannot_be_read_may_matter() {
    let mut ends = heard(10, [3]);
    assert!(ends.hear(unreadable(5), &ALWAYS, at(1)));
    assert!(!ends.forget(&ALWAYS, at(10)));
    assert_eq!(ends.after(point(0), 10), Later::Doubtful);
    assert!(ends.forget(&ALWAYS, at(11)));
    assert_eq!(told(&ends, 0, 10), (vec![], 0, false));
}

#[test]
fn nothing_is_told_while_the_log_cannot_be_read() {
    let mut ends = heard(10, [3]);
    ends.fall_behind();
    assert_eq!(ends.after(point(0), 10), Later::Doubtful);
    assert!(ends.catch_up() && !ends.catch_up());
    assert_eq!(told(&ends, 0, 10), (vec![3], 3, false));
}

#[test]
fn the_end_of_an_idle_session_is_not_told_once_its_tokens_have_expired_long_before() {
    let rarely = Relevance { idle_until: Some(at(5)), ..ALWAYS };
    let mut ends = Ends::new(10);
    assert!(ends.hear(recorded_for(1, EndReason::Idle), &rarely, at(4)));
    assert!(!ends.hear(recorded_for(2, EndReason::Idle), &rarely, at(5)));
    assert!(ends.hear(recorded_for(3, EndReason::Absolute), &rarely, at(5)));
    assert_eq!(told(&ends, 0, 10), (vec![1, 3], 3, false));
    ends.hear(recorded_for(4, EndReason::Idle), &rarely, at(5));
    assert_eq!(told(&ends, 3, 10), (vec![], 3, false));
    assert_eq!(ends.head(), 4, "it is not read again");
}

#[test]
fn what_ended_before_the_start_is_recalled_the_newest_first() {
    let mut ends = Ends::new(2);
    for position in [9, 7, 5] {
        ends.recall(recorded(position), &ALWAYS, at(0));
    }
    assert_eq!(ends.after(point(0), 10), in_log(None, 4));
    assert_eq!(ends.after(point(5), 10), in_log(Some(5), 4));
    assert_eq!(told(&ends, 7, 10), (vec![9], 9, false));
    let mut none = Ends::new(2);
    none.recall_none(9);
    assert_eq!((none.head(), told(&none, 0, 10)), (9, (vec![], 0, false)));
}
