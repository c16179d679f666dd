//! The `sessions` table: every live session, found by id or by the hash of its token.

use std::sync::Arc;

use tokio_postgres::Row;
use uuid::Uuid;

use super::events::{SessionEnded, SessionEvent, SessionExtended, SessionStarted};
use super::session_list::SessionList;
use super::table::Session;
use super::token::TokenHash;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::eventlog::model::stream::{category_of, id_of};
use crate::eventlog::{
    Decider, DecodeError, Event, EventView, Projection, Statement, StoreError, StreamName,
};
use crate::postgres::{Link, Pool, PooledSession};

const STARTED: &str = "\
insert into sessions
    (id, user_id, credential_id, expires_at, ends_at, token_hash, user_agent, client_address, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
const EXTENDED: &str = "update sessions set expires_at = $2, updated_at = $3 where id = $1";
const ENDED: &str = "delete from sessions where id = $1";

const SELECT_BY_ID: &str = "\
select id, user_id, credential_id, expires_at, token_hash, user_agent, created_at, updated_at
from sessions where id = $1";
const SELECT_BY_TOKEN: &str = "\
select id, user_id, credential_id, expires_at, token_hash, user_agent, created_at, updated_at
from sessions where token_hash = $1";

const SELECT_LIVE: &str = "select id from sessions where id = any($1)";

/// Searched from the newest event on: for a user who signs in now and then it is among the last.
const SELECT_LAST_START: &str = "\
select recorded_at from events where stream = $1 and type = 'SessionStarted' order by version desc limit 1";

const SELECT_DUE: &str = "\
select expires_at, id, user_id from sessions
where expires_at <= $1 and (expires_at, id) > ($2, $3) order by expires_at, id limit 100";
const SELECT_NEXT_DUE: &str = "\
select expires_at from sessions where expires_at > $1 order by expires_at limit 1";

/// Sessions that began after a position of the log, have not ended, and are not in the table.
const MISSING: &str = "\
select count(*) from events made
where position > $1 and type = 'SessionStarted'
  and not exists (select from sessions where id = (made.data ->> 'sessionId')::uuid)
  and not exists (select from events ended
                  where ended.stream = made.stream and ended.version > made.version and ended.type = 'SessionEnded'
                    and ended.data ->> 'sessionId' = made.data ->> 'sessionId')";

/// Follows the sessions of all users into `sessions`.
#[derive(Debug)]
pub struct SessionsProjection;

impl Projection for SessionsProjection {
    fn tables(&self) -> &'static [&'static str] {
        &["sessions"]
    }

    fn project(&self, event: &EventView<'_>) -> Result<Vec<Statement>, DecodeError> {
        if category_of(event.stream) != SessionList::CATEGORY {
            return Ok(Vec::new());
        }
        Ok(match SessionEvent::decode(event.name, event.schema, event.data)? {
            SessionEvent::Started(started) => owner(event)
                .map(|user_id| started_statement(user_id, started))
                .into_iter()
                .collect(),
            SessionEvent::Extended(extended) => {
                let SessionExtended { session_id, seen_at, expires_at } = extended;
                vec![Statement::new(
                    EXTENDED,
                    vec![
                        Box::new(session_id.uuid()),
                        Box::new(expires_at.to_jiff()),
                        Box::new(seen_at.to_jiff()),
                    ],
                )]
            }
            SessionEvent::Ended(SessionEnded { session_id, .. }) => {
                vec![Statement::new(ENDED, vec![Box::new(session_id.uuid())])]
            }
        })
    }
}

/// Owner of the sessions in the event's stream.
pub(super) fn owner(event: &EventView<'_>) -> Option<UserId> {
    id_of(event.stream).parse().ok()
}

fn started_statement(user_id: UserId, started: SessionStarted) -> Statement {
    Statement::new(
        STARTED,
        vec![
            Box::new(started.session_id.uuid()),
            Box::new(user_id.uuid()),
            Box::new(started.credential_id),
            Box::new(started.expires_at.to_jiff()),
            Box::new(started.ends_at.to_jiff()),
            Box::new(started.token_hash.0.to_vec()),
            Box::new(started.user_agent),
            Box::new(started.client_address),
            Box::new(started.started_at.to_jiff()),
        ],
    )
}

/// Reads the row of the session with this id; none if it has ended.
pub(super) async fn by_id(pool: &Pool, id: SessionId) -> Result<Option<Arc<Session>>, StoreError> {
    let client = pool.get().await?;
    Ok(client.query_opt(SELECT_BY_ID, &[&id.uuid()]).await?.map(|row| Arc::new(session(&row))))
}

/// Reads the row of the session whose token has this hash; none if it has ended.
pub(super) async fn by_token(
    pool: &Pool,
    hash: TokenHash,
) -> Result<Option<Arc<Session>>, StoreError> {
    let client = pool.get().await?;
    Ok(client
        .query_opt(SELECT_BY_TOKEN, &[&hash.0.as_slice()])
        .await?
        .map(|row| Arc::new(session(&row))))
}

/// Returns those of the sessions that have not ended.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn live_sessions(
    client: &PooledSession,
    sessions: &[SessionId],
) -> Result<Vec<SessionId>, StoreError> {
    let ids: Vec<Uuid> = sessions.iter().map(|session| session.uuid()).collect();
    Ok(client
        .query(SELECT_LIVE, &[&ids])
        .await?
        .iter()
        .map(|row| SessionId::from_uuid(row.get(0)))
        .collect())
}

/// A session whose time is over: its place in the order of pages, and its user.
#[derive(Debug, Clone, Copy)]
pub(super) struct DueSession {
    /// First part of the key of pages, so that the longest overdue come first.
    expires_at: Timestamp,
    /// Second part of the key of pages, which makes it unique.
    id: SessionId,
    /// User whose list ends the session.
    pub(super) user_id: UserId,
}

impl DueSession {
    /// Returns a key that lies before every session.
    pub(super) fn first() -> Self {
        let nobody = Uuid::nil();
        Self {
            expires_at: Timestamp::from_unix_millis(0),
            id: SessionId::from_uuid(nobody),
            user_id: UserId::from_uuid(nobody),
        }
    }
}

/// Reads a page of the sessions whose time is over, after `last`.
pub(super) async fn due(
    pool: &Pool,
    now: Timestamp,
    last: &DueSession,
) -> Result<Vec<DueSession>, StoreError> {
    let client = pool.get().await?;
    let parameters = (now.to_jiff(), last.expires_at.to_jiff(), last.id.uuid());
    let (now, expires_at, id) = &parameters;
    let rows = client.query(SELECT_DUE, &[now, expires_at, id]).await?;
    let due = |row: &Row| DueSession {
        expires_at: time(row, 0),
        id: SessionId::from_uuid(row.get(1)),
        user_id: UserId::from_uuid(row.get(2)),
    };
    Ok(rows.iter().map(due).collect())
}

/// For operators: every user with sessions that have not ended.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn owners(pool: &Pool) -> Result<Vec<UserId>, StoreError> {
    let rows = pool.get().await?.query("select distinct user_id from sessions", &[]).await?;
    Ok(rows.iter().map(|row| UserId::from_uuid(row.get(0))).collect())
}

/// For operators: time at which the user last signed in or signed up, if ever.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn last_start(pool: &Pool, stream: &StreamName) -> Result<Option<Timestamp>, StoreError> {
    let row = pool.get().await?.query_opt(SELECT_LAST_START, &[&stream.as_str()]).await?;
    Ok(row.map(|row| time(&row, 0)))
}

/// Time after `now` at which the next session expires, if there is one.
pub(super) async fn next_due(pool: &Pool, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let client = pool.get().await?;
    Ok(client.query_opt(SELECT_NEXT_DUE, &[&now.to_jiff()]).await?.map(|row| time(&row, 0)))
}

fn time(row: &Row, column: usize) -> Timestamp {
    Timestamp::from(row.get::<_, jiff::Timestamp>(column))
}

fn session(row: &Row) -> Session {
    Session {
        id: SessionId::from_uuid(row.get(0)),
        user_id: UserId::from_uuid(row.get(1)),
        credential_id: row.get(2),
        expires_at: time(row, 3),
        token_hash: TokenHash(row.get::<_, &[u8]>(4).try_into().unwrap_or_default()),
        user_agent: row.get(5),
        created_at: time(row, 6),
        updated_at: time(row, 7),
    }
}

/// For operators: number of sessions that began after a position of the log and lack their row.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn missing(link: &Link, after: i64) -> Result<i64, StoreError> {
    Ok(link.client.query_one(MISSING, &[&after]).await?.get(0))
}
