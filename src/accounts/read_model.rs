//! The `users` table: who can sign in, which addresses are taken; and the credentials beside the log.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::account::Account;
use super::email::Email;
use super::events::AccountEvent;
use crate::database::Pool;
use crate::eventlog::stream::{category_of, id_of};
use crate::eventlog::{Decider, DecodeError, Event, EventView, Projection, Statement, StoreError};
use crate::id::UserId;

/// The constraint that makes an address belong to one account.
pub const EMAIL_TAKEN: &str = "users_email_key";

const INSERT_CREDENTIAL: &str = "insert into credentials (credential_id, phc) values ($1, $2)";

const CREATED: &str = "\
insert into users (id, email, email_verified_at, name, credential_id, created_at, updated_at)
values ($1, $2, null, $3, $4, $5, $5)";

const SELECT_LOGIN: &str = "\
select users.id, credentials.phc from users join credentials using (credential_id) where users.email = $1";

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
        }
    }
}

/// Writes a password hash beside the events that name it.
pub(super) fn keep_credential(credential_id: Uuid, phc: String) -> Statement {
    Statement::new(INSERT_CREDENTIAL, vec![Box::new(credential_id), Box::new(phc)])
}

/// What a sign-in needs to know of an address.
#[derive(Debug)]
pub(super) struct Login {
    /// Whose address it is.
    pub(super) user_id: UserId,
    /// The password hash.
    pub(super) phc: String,
}

/// The account behind an address.
pub(super) async fn login(pool: &Pool, email: &Email) -> Result<Option<Login>, StoreError> {
    let client = pool.get().await?;
    let statement = client.prepare_cached(SELECT_LOGIN).await?;
    let row = client.query_opt(&statement, &[&email.as_str()]).await?;
    Ok(row.map(|row| Login { user_id: UserId::from_uuid(row.get(0)), phc: row.get(1) }))
}
