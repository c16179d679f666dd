//! `keyfold users delete`: the account with its idempotency keys and snapshots first, then its sessions.
//!
//! Once the account is deleted, no request of its user is accepted, whatever became of the sessions: a command that was
//! interrupted in between leaves sessions that are of no use. Run again, it ends them.

use super::commands::on_foundation;
use super::people::{known_form, nobody};
use super::sessions::end_of;
use crate::accounts::account::{self, Account};
use crate::accounts::email::Email;
use crate::accounts::{self, Accounts};
use crate::app::features::{self, Foundation};
use crate::app::storage::Storage;
use crate::base::id::UserId;
use crate::config::Config;
use crate::eventlog::CommandRequest;
use crate::eventlog::log::retention;
use crate::eventlog::{Context, Entities};
use crate::sessions::Sessions;
use crate::sessions::events::EndReason;
use crate::sessions::read_model::owners;
use crate::sessions::session_list::SessionList;
use crate::tasks::Tasks;
use crate::tasks::idempotency;

/// Cause recorded with the events.
const CAUSE: &str = "users delete";

/// Deletes the user with this address.
pub(super) async fn delete(config: &Config, email: &str) -> anyhow::Result<()> {
    let email = known_form(email)?;
    let storage = Storage::join(config).await?;
    let deleted = on_foundation(config, &storage.connection(), async |foundation, root| {
        let lifespan = features::lifespan(config);
        let accounts = Entities::start(foundation.reading.log.clone(), lifespan, root).await?;
        let lists = Entities::start(foundation.reading.log.clone(), lifespan, root).await?;
        let deleted = Deletion { foundation, accounts: &accounts, lists: &lists }.run(&email).await;
        accounts.drain().await;
        lists.drain().await;
        deleted
    })
    .await;
    storage.close().await;
    deleted
}

/// Handles with which a user is deleted.
struct Deletion<'a> {
    /// Log, pool and clock.
    foundation: &'a Foundation,
    /// Entities of the accounts, of which one is deleted.
    accounts: &'a Entities<Account>,
    /// Entities of the session lists, of which that of the user ends all its sessions.
    lists: &'a Entities<SessionList>,
}

impl Deletion<'_> {
    async fn run(&self, email: &Email) -> anyhow::Result<()> {
        let user = accounts::read_model::user_of(&self.foundation.reading.pool, email).await?;
        if let Some(user_id) = user {
            self.delete_account(user_id).await?;
        }
        let mut ended = 0;
        for user_id in self.left_behind(user).await? {
            let reason = EndReason::UserDeleted;
            ended += end_of(self.foundation, self.lists, user_id, reason, CAUSE).await?;
        }
        let address = email.as_str();
        match (user, ended) {
            (Some(user_id), _) => super::print(&format!(
                "{address} is deleted (user {user_id}, sessions ended: {ended}): the address may be signed up with again\n"
            )),
            (None, 0) => Err(nobody(email)),
            (None, _) => super::print(&format!(
                "there is no user with the address {address}; sessions ended of users deleted before: {ended}\n"
            )),
        }
    }

    async fn delete_account(&self, user_id: UserId) -> anyhow::Result<()> {
        let command = account::Command::Delete { now: self.foundation.seams.clock.now() };
        let (stream, context) = (Accounts::stream(user_id), Context::caused_by(CAUSE));
        let streams =
            [Accounts::stream(user_id), Sessions::stream(user_id), Tasks::stream(user_id)];
        let beside = vec![idempotency::forget(user_id), retention::forget(&streams)];
        self.accounts
            .execute(&stream, CommandRequest::new(command, context).also_write(beside))
            .await?;
        Ok(())
    }

    /// The user, and users deleted earlier who still have sessions: their command was interrupted, or a server that had not
    /// heard of the deletion yet let them sign in.
    async fn left_behind(&self, user: Option<UserId>) -> anyhow::Result<Vec<UserId>> {
        let pool = &self.foundation.reading.pool;
        let owners = owners(pool).await?;
        let mut users = accounts::read_model::without_account(pool, &owners).await?;
        users.retain(|other| Some(*other) != user);
        Ok(user.into_iter().chain(users).collect())
    }
}
