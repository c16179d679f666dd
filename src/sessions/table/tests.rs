//! Contents of the table: admission, eviction, ends and doubts.

use futures_util::FutureExt;

use super::*;

const ROOM: usize = 10 << 20;

fn id(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

fn user(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis)
}

/// A session of the user with half its number.
fn session(number: u128) -> Arc<Session> {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(&number.to_be_bytes());
    Arc::new(Session {
        id: id(number),
        user_id: user(number / 2),
        credential_id: None,
        expires_at: at(1_000),
        token_hash: TokenHash(hash),
        user_agent: None,
        created_at: at(0),
        updated_at: at(0),
    })
}

/// A table that knows a session.
fn knowing(session: &Arc<Session>) -> SessionTable {
    let table = SessionTable::new(ROOM);
    let as_of = table.moment();
    assert_eq!(table.admit(Arc::clone(session), as_of), Some(Standing::Live(Arc::clone(session))));
    table
}

#[test]
fn a_session_is_found_by_id_and_by_token() {
    let session = session(7);
    let table = knowing(&session);
    assert_eq!(table.standing(session.id), Some(Standing::Live(Arc::clone(&session))));
    assert_eq!(table.by_token(session.token_hash), Some(Standing::Live(session)));
    assert_eq!(table.live(), 1);
}

#[test]
fn ended_is_final() {
    let session = session(7);
    let table = knowing(&session);
    let before = table.moment();
    assert!(table.end(session.user_id, session.id, at(5)));
    assert!(!table.end(session.user_id, session.id, at(6)));
    for as_of in [before, table.moment()] {
        assert_eq!(table.admit(Arc::clone(&session), as_of), Some(Standing::Ended));
    }
    assert_eq!((table.standing(session.id), table.live()), (Some(Standing::Ended), 0));
    assert_eq!(table.by_token(session.token_hash), Some(Standing::Ended));
}

#[test]
fn a_row_that_was_read_before_an_end_is_not_believed_once_that_end_is_forgotten() {
    let (table, session) = (SessionTable::new(ROOM), session(7));
    let before = table.moment();
    table.end(session.user_id, session.id, at(5));
    assert_eq!(table.forget(at(5), 10), 1);
    assert_eq!(table.admit(Arc::clone(&session), before), None);
    assert_eq!(table.standing(session.id), None, "the database is asked again, and has no row");
}

#[test]
fn ends_that_do_not_fit_bring_no_session_back() {
    // Room for two ends in each part.
    let table = SessionTable::new(SHARDS * ended::BYTES * PART_OF_ENDS * 2);
    let before = table.moment();
    for number in 0..100_000 {
        table.end(user(number / 2), id(number), at(5));
    }
    assert!((0..100_000).step_by(7).all(|number| {
        matches!(table.admit(session(number), before), Some(Standing::Ended) | None)
    }));
    assert_eq!(table.live(), 0);
    let ended = (0..100_000).filter(|number| table.standing(id(*number)).is_some()).count();
    assert_eq!(ended, SHARDS * 2);
    let other = session(1_000_000);
    let now = table.moment();
    assert_eq!(table.admit(Arc::clone(&other), now), Some(Standing::Live(other)));
}

#[test]
fn a_million_sessions_take_the_room_of_those_that_fit() {
    let table = SessionTable::new(ROOM);
    let as_of = table.moment();
    for number in 0..1_000_000 {
        table.admit(session(number), as_of);
    }
    let weights = (table.live.weight(), table.tokens.weight());
    assert!(weights.0 <= ROOM as u64 / 2 && weights.1 <= ROOM as u64 / 6, "{weights:?}");
    assert!(table.live() > 5_000, "{}", table.live());
    // One that has left is read again like any other.
    let gone = (0..1_000_000).find(|number| table.standing(id(*number)).is_none()).unwrap();
    assert_eq!(table.admit(session(gone), as_of), Some(Standing::Live(session(gone))));
}

#[test]
fn a_step_of_the_sweep_is_bounded_however_many_sessions_have_ended() {
    let table = SessionTable::new(100 << 20);
    for number in 0..100_000 {
        table.end(user(number / 2), id(number), at(5));
    }
    let mut forgotten = Vec::new();
    while let step @ 1.. = table.forget(at(5), 100) {
        forgotten.push(step);
    }
    assert_eq!((forgotten.iter().max(), forgotten.iter().sum()), (Some(&(100 * SHARDS)), 100_000));
}

#[test]
fn an_extension_is_not_undone_by_what_was_read_before_it() {
    let read = session(7);
    let table = knowing(&read);
    let (seen_at, expires_at) = (at(9), at(1_009));
    let extended = Arc::new(Session { updated_at: seen_at, expires_at, ..Session::clone(&read) });
    let live = Some(Standing::Live(Arc::clone(&extended)));
    table.extend(read.id, seen_at, expires_at);
    assert_eq!(table.standing(read.id), live);
    assert_eq!(table.admit(Arc::clone(&read), table.moment()), live);
    table.extend(read.id, read.updated_at, read.expires_at);
    assert_eq!(table.by_token(read.token_hash), live);
}

#[test]
fn what_is_read_after_an_extension_shows_it() {
    let known = session(7);
    let table = knowing(&known);
    let read = Arc::new(Session { updated_at: at(9), ..Session::clone(&known) });
    let live = Some(Standing::Live(Arc::clone(&read)));
    assert_eq!(table.admit(read, table.moment()), live);
    assert_eq!(table.standing(known.id), live);
}

#[test]
fn no_extension_brings_a_session_back() {
    let (table, session) = (SessionTable::new(ROOM), session(7));
    table.extend(session.id, at(2_000), at(2_000));
    assert_eq!(table.standing(session.id), None);
    table.end(session.user_id, session.id, at(5));
    table.extend(session.id, at(2_000), at(2_000));
    assert_eq!(table.standing(session.id), Some(Standing::Ended));
}

#[test]
fn a_doubt_concerns_the_sessions_of_one_user_that_were_read_before_it() {
    let (first, second, other) = (session(10), session(11), session(20));
    let table = knowing(&first);
    let before = table.moment();
    table.admit(Arc::clone(&second), before);
    table.admit(Arc::clone(&other), before);
    table.doubt(first.user_id);
    assert_eq!((table.standing(first.id), table.standing(second.id)), (None, None));
    assert_eq!(table.standing(other.id), Some(Standing::Live(other)));
    assert_eq!(table.admit(Arc::clone(&first), before), None, "it was read before");
    assert_eq!(table.admit(Arc::clone(&first), table.moment()), Some(Standing::Live(first)));
}

#[tokio::test]
async fn the_end_of_a_session_wakes_those_who_wait_for_it_though_it_has_left_the_table() {
    let (table, session) = (SessionTable::new(ROOM), session(7));
    let watching = table.watch(&session);
    let told = watching.told();
    table.end(session.user_id, id(6), at(5));
    let mut told = std::pin::pin!(told);
    assert_eq!(told.as_mut().now_or_never(), None);
    table.end(session.user_id, session.id, at(5));
    assert_eq!(told.now_or_never(), Some(()));
}
