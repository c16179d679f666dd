//! The `jwks` table, which shows the key ring to SQL, and the `key_material` table of sealed private keys.

use super::events::{
    KeyEvent, KeyPublished, KeyRetired, KeyRevoked, KeyStartedSigning, KeyStoppedSigning,
};
use super::ring::KeyRing;
use crate::eventlog::model::stream::category_of;
use crate::eventlog::{Decider, DecodeError, Event, EventView, Projection, Statement, StoreError};
use crate::postgres::{DatabaseError, Link, Pool};

const INSERT_MATERIAL: &str = "insert into key_material (kid, sealed) values ($1, $2)";
/// The private half of a key that signs no more is erased with the event that says so.
const ERASE_MATERIAL: &str = "delete from key_material where kid = $1";
const ERASE_ALL_MATERIAL: &str = "delete from key_material";
const SELECT_MATERIAL: &str = "select sealed from key_material where kid = $1";
const SELECT_ALL_MATERIAL: &str = "select kid, sealed from key_material";
/// A new database has no such table yet.
const HAS_MATERIAL: &str = "select to_regclass('key_material') is not null";
const HOLDS_MATERIAL: &str = "select exists (select from key_material)";
/// Changes nothing if another process has resealed or erased the key meanwhile.
const RESEAL: &str = "\
with resealed as (update key_material set sealed = $3 where kid = $1 and sealed = $2 returning kid)
update jwks set private_key = $3 where id in (select kid from resealed)";

/// The sealed private key is copied from beside the log: the event does not carry it.
const PUBLISHED: &str = "\
insert into jwks (id, public_key, private_key, status, created_at, updated_at)
values ($1, $2, (select sealed from key_material where kid = $1), 'published', $3, $3)";
const STARTED: &str = "update jwks set status = 'signing', updated_at = $2 where id = $1";
const STOPPED: &str =
    "update jwks set status = 'verifying', private_key = null, updated_at = $2 where id = $1";
const LEFT: &str = "delete from jwks where id = $1";

/// Sealed private keys as they are now: they may have been sealed anew since they were published.
const COPY_MATERIAL: &str = "\
update jwks set private_key = sealed from key_material where kid = id and status <> 'verifying'";

/// Keys that were published after a position of the log, have not left, and are not in the table.
const MISSING: &str = "\
select count(*) from events made
where position > $1 and stream = 'keys' and type = 'KeyPublished'
  and not exists (select from jwks where id = made.data -> 'publicKey' ->> 'kid')
  and not exists (select from events gone
                  where gone.stream = made.stream and gone.type in ('KeyRetired', 'KeyRevoked')
                    and gone.data ->> 'kid' = made.data -> 'publicKey' ->> 'kid')";

/// Returns true if a database, which may be new, has private keys.
///
/// # Errors
///
/// If the database does not answer.
pub async fn holds_any(link: &Link) -> Result<bool, DatabaseError> {
    let has_material = link.client.query_one(HAS_MATERIAL, &[]).await?.get(0);
    Ok(has_material && link.client.query_one(HOLDS_MATERIAL, &[]).await?.get(0))
}

/// Follows the key ring into `jwks`.
#[derive(Debug)]
pub struct JwksProjection;

impl Projection for JwksProjection {
    fn tables(&self) -> &'static [&'static str] {
        &["jwks"]
    }

    fn beside(&self) -> &'static [&'static str] {
        &[COPY_MATERIAL]
    }

    fn project(&self, event: &EventView<'_>) -> Result<Vec<Statement>, DecodeError> {
        if category_of(event.stream) != KeyRing::CATEGORY {
            return Ok(Vec::new());
        }
        let at = event.recorded_at.to_jiff();
        Ok(match KeyEvent::decode(event.name, event.schema, event.data)? {
            KeyEvent::Published(KeyPublished { public_key, .. }) => {
                let kid = public_key.kid().to_owned();
                let json = serde_json::to_value(&public_key).unwrap_or_default();
                vec![Statement::new(PUBLISHED, vec![Box::new(kid), Box::new(json), Box::new(at)])]
            }
            KeyEvent::StartedSigning(KeyStartedSigning { kid, .. }) => {
                vec![Statement::new(STARTED, vec![Box::new(kid), Box::new(at)])]
            }
            KeyEvent::StoppedSigning(KeyStoppedSigning { kid, .. }) => vec![
                Statement::new(STOPPED, vec![Box::new(kid.clone()), Box::new(at)]),
                Statement::new(ERASE_MATERIAL, vec![Box::new(kid)]),
            ],
            KeyEvent::Retired(KeyRetired { kid }) => {
                vec![Statement::new(LEFT, vec![Box::new(kid)])]
            }
            KeyEvent::Revoked(KeyRevoked { kid }) => vec![
                Statement::new(LEFT, vec![Box::new(kid.clone())]),
                Statement::new(ERASE_MATERIAL, vec![Box::new(kid)]),
            ],
        })
    }
}

/// Writes a sealed private key beside the events that publish it.
pub(super) fn keep_material(kid: &str, sealed: Vec<u8>) -> Statement {
    Statement::new(INSERT_MATERIAL, vec![Box::new(kid.to_owned()), Box::new(sealed)])
}

/// Erases every private key, including those of keys that the ring does not know.
pub(super) fn erase_all_material() -> Statement {
    Statement::new(ERASE_ALL_MATERIAL, Vec::new())
}

/// Reads the sealed private key of `kid`; none if it was erased.
pub(super) async fn sealed_key(pool: &Pool, kid: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let client = pool.get().await?;
    let row = client.query_opt(SELECT_MATERIAL, &[&kid]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Reads every sealed private key with its key id.
pub(super) async fn sealed_keys(pool: &Pool) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let rows = pool.get().await?.query(SELECT_ALL_MATERIAL, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Replaces a sealed private key by `anew`, the key resealed, if it still is `before`.
pub(super) async fn reseal(
    pool: &Pool,
    kid: &str,
    before: &[u8],
    anew: &[u8],
) -> Result<(), StoreError> {
    pool.get().await?.execute(RESEAL, &[&kid, &before, &anew]).await?;
    Ok(())
}

/// For operators: number of keys that were published after a position of the log and lack their row.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn missing(link: &Link, after: i64) -> Result<i64, StoreError> {
    Ok(link.client.query_one(MISSING, &[&after]).await?.get(0))
}
