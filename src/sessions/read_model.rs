//! The `sessions` table: every live session, found by id or by the hash of its token.

use std::sync::Arc;

use tokio_postgres::Row;
use uuid::Uuid;

use super::events::{SessionEnded, SessionEvent, SessionStarted};
use super::session_list::SessionList;
use super::table::Session;
use super::token::TokenHash;
use crate::clock::Timestamp;
use crate::database::Pool;
use crate::eventlog::stream::{category_of, id_of};
use crate::eventlog::{Decider, DecodeError, Event, EventView, Projection, Statement, StoreError};
use crate::id::{SessionId, UserId};

const STARTED: &str = "\
insert into sessions (id, user_id, expires_at, token_hash, user_agent, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $6)";
const ENDED: &str = "delete from sessions where id = $1";

const SELECT_BY_ID: &str = "\
select id, user_id, expires_at, token_hash, user_agent, created_at, updated_at from sessions where id = $1";
const SELECT_BY_TOKEN: &str = "\
select id, user_id, expires_at, token_hash, user_agent, created_at, updated_at from sessions where token_hash = $1";

const SELECT_LIVE: &str = "select id from sessions where id = any($1)";

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
            SessionEvent::Ended(SessionEnded { session_id, .. }) => {
                vec![Statement::new(ENDED, vec![Box::new(session_id.uuid())])]
            }
        })
    }
}

/// Whose sessions the stream keeps.
pub(super) fn owner(event: &EventView<'_>) -> Option<UserId> {
    id_of(event.stream).parse().ok()
}

fn started_statement(user_id: UserId, started: SessionStarted) -> Statement {
    Statement::new(
        STARTED,
        vec![
            Box::new(started.session_id.uuid()),
            Box::new(user_id.uuid()),
            Box::new(started.expires_at.to_jiff()),
            Box::new(started.token_hash.0.to_vec()),
            Box::new(started.user_agent),
            Box::new(started.started_at.to_jiff()),
        ],
    )
}

/// The live session with this id.
pub(super) async fn by_id(pool: &Pool, id: SessionId) -> Result<Option<Arc<Session>>, StoreError> {
    let client = pool.get().await?;
    let statement = client.prepare_cached(SELECT_BY_ID).await?;
    Ok(client.query_opt(&statement, &[&id.uuid()]).await?.map(|row| Arc::new(session(&row))))
}

/// The live session whose token has this hash.
pub(super) async fn by_token(
    pool: &Pool,
    hash: TokenHash,
) -> Result<Option<Arc<Session>>, StoreError> {
    let client = pool.get().await?;
    let statement = client.prepare_cached(SELECT_BY_TOKEN).await?;
    Ok(client
        .query_opt(&statement, &[&hash.0.as_slice()])
        .await?
        .map(|row| Arc::new(session(&row))))
}

/// Which of the sessions live.
///
/// # Errors
///
/// When the database is unavailable.
pub async fn live_sessions(
    client: &deadpool_postgres::Object,
    sessions: &[SessionId],
) -> Result<Vec<SessionId>, StoreError> {
    let ids: Vec<Uuid> = sessions.iter().map(|session| session.uuid()).collect();
    let statement = client.prepare_cached(SELECT_LIVE).await?;
    Ok(client
        .query(&statement, &[&ids])
        .await?
        .iter()
        .map(|row| SessionId::from_uuid(row.get(0)))
        .collect())
}

fn session(row: &Row) -> Session {
    let time = |column| Timestamp::from(row.get::<_, jiff::Timestamp>(column));
    Session {
        id: SessionId::from_uuid(row.get(0)),
        user_id: UserId::from_uuid(row.get(1)),
        expires_at: time(2),
        token_hash: TokenHash(row.get::<_, &[u8]>(3).try_into().unwrap_or_default()),
        user_agent: row.get(4),
        created_at: time(5),
        updated_at: time(6),
    }
}
