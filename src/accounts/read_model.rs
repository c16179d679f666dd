//! The `users` table of users who can sign in, by address, and the `credentials` beside the log.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::account::Account;
use super::email::Email;
use super::events::{AccountDeleted, AccountEvent, PasswordChanged, ProfileChanged};
use crate::base::clock::Timestamp;
use crate::base::id::UserId;
use crate::eventlog::model::stream::{category_of, id_of};
use crate::eventlog::{Decider, DecodeError, Event, EventView, Projection, Statement, StoreError};
use crate::postgres::{Link, Pool};

/// The constraint that makes an address belong to one account.
pub const EMAIL_TAKEN: &str = "users_email_key";

/// The password hash is erased with the event that replaces it or deletes the user.
const ERASE_CREDENTIAL: &str = "delete from credentials where credential_id = $1";
const INSERT_CREDENTIAL: &str = "insert into credentials (credential_id, phc) values ($1, $2)";

/// Stores another hash of the same password. If the password was changed meanwhile, no row matches and nothing is stored.
const REPLACE_HASH: &str = "update credentials set phc = $3 where credential_id = $1 and phc = $2";

const CREATED: &str = "\
insert into users (id, email, email_verified_at, name, credential_id, created_at, updated_at)
values ($1, $2, null, $3, $4, $5, $5)";

const PROFILE_CHANGED: &str = "update users set name = $2, updated_at = $3 where id = $1";
const PASSWORD_CHANGED: &str = "update users set credential_id = $2 where id = $1";
const DELETED: &str = "delete from users where id = $1";

const SELECT_USER: &str = "select id from users where email = $1";

const SELECT_LOGIN: &str = "\
select users.id, credential_id, phc from users join credentials using (credential_id) where users.email = $1";

const SELECT_LOGIN_OF: &str = "\
select users.id, credential_id, phc from users join credentials using (credential_id) where users.id = $1";

/// For operators: a page in the order of the addresses.
const SELECT_PAGE: &str = "\
select id, email, name, created_at from users where email > $1 order by email limit $2";

/// For operators: those of the ids that have no row.
const SELECT_WITHOUT_ACCOUNT: &str = "\
select id from unnest($1::uuid[]) as ids (id) where not exists (select from users where users.id = ids.id)";

/// Users who signed up after a position of the log, were not deleted, and are not in the table.
const MISSING: &str = "\
select count(*) from events made
where position > $1 and type = 'AccountCreated'
  and not exists (select from users where id = substr(made.stream, length('account-') + 1)::uuid)
  and not exists (select from events gone where gone.stream = made.stream and gone.type = 'AccountDeleted')";

/// Follows accounts into `users`.
#[derive(Debug)]
pub struct UsersProjection;

impl Projection for UsersProjection {
    fn tables(&self) -> &'static [&'static str] {
        &["users"]
    }

    fn project(&self, event: &EventView<'_>) -> Result<Vec<Statement>, DecodeError> {
        if category_of(event.stream) != Account::CATEGORY {
            return Ok(Vec::new());
        }
        let Ok(user_id) = id_of(event.stream).parse::<UserId>() else { return Ok(Vec::new()) };
        match AccountEvent::decode(event.name, event.schema, event.data)? {
            AccountEvent::Created(created) => {
                let params: Vec<Box<dyn ToSql + Send + Sync>> = vec![
                    Box::new(user_id.uuid()),
                    Box::new(created.email.as_str().to_owned()),
                    Box::new(created.name.as_str().to_owned()),
                    Box::new(created.credential_id),
                    Box::new(created.created_at.to_jiff()),
                ];
                Ok(vec![Statement::new(CREATED, params)])
            }
            AccountEvent::ProfileChanged(ProfileChanged { name, changed_at }) => {
                let name = name.as_str().to_owned();
                let params: Vec<Box<dyn ToSql + Send + Sync>> =
                    vec![Box::new(user_id.uuid()), Box::new(name), Box::new(changed_at.to_jiff())];
                Ok(vec![Statement::new(PROFILE_CHANGED, params)])
            }
            AccountEvent::PasswordChanged(changed) => {
                let PasswordChanged { credential_id, previous_credential_id, .. } = changed;
                let params: Vec<Box<dyn ToSql + Send + Sync>> =
                    vec![Box::new(user_id.uuid()), Box::new(credential_id)];
                Ok(vec![
                    Statement::new(PASSWORD_CHANGED, params),
                    Statement::new(ERASE_CREDENTIAL, vec![Box::new(previous_credential_id)]),
                ])
            }
            AccountEvent::Deleted(AccountDeleted { credential_id, .. }) => Ok(vec![
                Statement::new(DELETED, vec![Box::new(user_id.uuid())]),
                Statement::new(ERASE_CREDENTIAL, vec![Box::new(credential_id)]),
            ]),
        }
    }
}

/// Writes a password hash beside the events that name it.
pub(super) fn keep_credential(credential_id: Uuid, phc: String) -> Statement {
    Statement::new(INSERT_CREDENTIAL, vec![Box::new(credential_id), Box::new(phc)])
}

/// Replaces the hash `before` of a credential by another hash of the same password; its identifier stays.
pub(super) async fn replace_hash(
    pool: &Pool,
    credential_id: Uuid,
    before: &str,
    phc: &str,
) -> Result<(), StoreError> {
    pool.get().await?.execute(REPLACE_HASH, &[&credential_id, &before, &phc]).await?;
    Ok(())
}

/// Data of an account that verifying its password needs.
#[derive(Debug)]
pub(super) struct Login {
    /// User with the address, for whom the password is a proof.
    pub(super) user_id: UserId,
    /// Row that holds the password hash.
    pub(super) credential_id: Uuid,
    /// Password hash, in PHC string format.
    pub(super) phc: String,
}

/// Returns the user with this address, if there is one.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn user_of(pool: &Pool, email: &Email) -> Result<Option<UserId>, StoreError> {
    let row = pool.get().await?.query_opt(SELECT_USER, &[&email.as_str()]).await?;
    Ok(row.map(|row| UserId::from_uuid(row.get(0))))
}

/// For operators: a user as in the list of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    /// Identifier, by which the account's stream is named.
    pub id: UserId,
    /// Address, in its normal form, by which the list is ordered.
    pub email: String,
    /// Name, as the user writes it.
    pub name: String,
    /// Time of the sign-up.
    pub created_at: Timestamp,
}

/// Reads the next users after an address, in the order of their addresses.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn page_after(
    pool: &Pool,
    email: &str,
    limit: i64,
) -> Result<Vec<ListedUser>, StoreError> {
    let rows = pool.get().await?.query(SELECT_PAGE, &[&email, &limit]).await?;
    let listed = rows.iter().map(|row| ListedUser {
        id: UserId::from_uuid(row.get(0)),
        email: row.get(1),
        name: row.get(2),
        created_at: Timestamp::from(row.get::<_, jiff::Timestamp>(3)),
    });
    Ok(listed.collect())
}

/// Returns those of the users who have no account, because they were deleted.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn without_account(pool: &Pool, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<Uuid> = users.iter().map(|user| user.uuid()).collect();
    let rows = pool.get().await?.query(SELECT_WITHOUT_ACCOUNT, &[&ids]).await?;
    Ok(rows.iter().map(|row| UserId::from_uuid(row.get(0))).collect())
}

/// Reads the credential of the account with this address.
pub(super) async fn login(pool: &Pool, email: &Email) -> Result<Option<Login>, StoreError> {
    select_login(pool, SELECT_LOGIN, &email.as_str()).await
}

/// Reads the credential of a user's account.
pub(super) async fn login_of(pool: &Pool, user_id: UserId) -> Result<Option<Login>, StoreError> {
    select_login(pool, SELECT_LOGIN_OF, &user_id.uuid()).await
}

async fn select_login(
    pool: &Pool,
    select: &'static str,
    key: &(dyn ToSql + Sync),
) -> Result<Option<Login>, StoreError> {
    let client = pool.get().await?;
    let row = client.query_opt(select, &[key]).await?;
    Ok(row.map(|row| Login {
        user_id: UserId::from_uuid(row.get(0)),
        credential_id: row.get(1),
        phc: row.get(2),
    }))
}

/// For operators: number of users who signed up after a position of the log and lack their row.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn missing(link: &Link, after: i64) -> Result<i64, StoreError> {
    Ok(link.client.query_one(MISSING, &[&after]).await?.get(0))
}
