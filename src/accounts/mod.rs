//! Accounts: the data of a user, and the password that proves it is them.
//!
//! [`email`], [`name`] and [`password`] are the values, [`account`] holds the rules, [`read_model`] follows into SQL.

pub mod account;
mod claims;
pub mod email;
pub mod events;
pub mod failures;
pub mod name;
pub mod password;
mod proving;
pub mod read_model;
pub mod signing_up;

use std::sync::Arc;

use uuid::Uuid;

use self::account::{Account, Command, Profile, Rejection};
use self::claims::EmailClaims;
use self::failures::FailedSignIns;
use self::name::Name;
use self::password::{HashError, Password, PasswordHasher, WrongPassword};
use crate::base::clock::Clock;
use crate::base::id::{Id, UserId};
use crate::eventlog::CommandRequest;
use crate::eventlog::cluster::follower::Observer;
use crate::eventlog::{
    Context, Decider, Entities, ExecuteError, PassingEvent, Published, ReadError, StoreError,
    StreamName,
};
use crate::postgres::Pool;

/// This node's accounts: the entities hosting each user's [`Account`], and the services that their commands need. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Entities of the accounts, which decide and commit every change.
    entities: Entities<Account>,
    /// Connections for look-ups of addresses and password hashes.
    pool: Pool,
    /// Bounded threads that hash passwords, so that sign-ins cannot take all memory.
    hasher: PasswordHasher,
    /// Streaks of failed sign-ins, which are measured and refuse no request.
    failed: Arc<FailedSignIns>,
    /// Locks that keep sign-ups of this node with one address from appending at the same time.
    claims: Arc<EmailClaims>,
    /// Injected clock, which dates every change.
    clock: Clock,
}

/// Reasons for which an account was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignUpError {
    /// The address belongs to another account.
    #[error("the email address is taken")]
    EmailTaken,
    /// The password was not hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database could not be asked whether the address is taken.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log did not take the event.
    #[error(transparent)]
    Execute(AccountCommandError),
}

/// Reasons for which a password could not be verified, be it right or wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VerifyError {
    /// The hash could not be computed or compared.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A command on an account was not carried out.
pub type AccountCommandError = ExecuteError<Rejection>;

/// Reasons for which a password was not changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChangePasswordError {
    /// The password that was verified was replaced meanwhile.
    #[error(transparent)]
    Wrong(#[from] WrongPassword),
    /// The new password was not hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The log did not take the event.
    #[error(transparent)]
    Execute(AccountCommandError),
}

/// Proof that a client knew the password of an account. It is void once another password opens the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordProof {
    /// User whose account the password opens.
    pub user_id: UserId,
    /// Row beside the log that holds the hash of that password.
    pub credential_id: Uuid,
}

/// Outcome of checking an address and a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The password is that of the account with this address.
    Proven(PasswordProof),
    /// The address is this user's, and the password is not.
    WrongPassword(UserId),
    /// No account has the address.
    UnknownAccount,
}

impl Accounts {
    /// Joins the `entities` of the accounts with the services that they need.
    pub fn new(
        entities: Entities<Account>,
        pool: Pool,
        hasher: PasswordHasher,
        clock: Clock,
    ) -> Self {
        let (failed, claims) = (Arc::default(), Arc::default());
        Self { entities, pool, hasher, failed, claims, clock }
    }

    /// Changes the profile of a user, and returns it as it is then.
    ///
    /// # Errors
    ///
    /// If the user was deleted, or the log does not take the event.
    pub async fn change_profile(
        &self,
        user_id: UserId,
        name: Option<Name>,
        context: Context,
    ) -> Result<Profile, AccountCommandError> {
        let command = Command::ChangeProfile { name, now: self.clock.now() };
        let outcome = self
            .entities
            .execute(&Self::stream(user_id), CommandRequest::new(command, context))
            .await?;
        let profile = outcome.published.state.profile().cloned();
        profile.ok_or(ExecuteError::Rejected(Rejection::Missing))
    }

    /// Replaces the password that `proof` is about; from the answer on the old password opens nothing.
    ///
    /// # Errors
    ///
    /// If another change was faster, too many hashes wait, or the log does not take the event.
    pub async fn change_password(
        &self,
        proof: PasswordProof,
        password: Password,
        context: Context,
    ) -> Result<PasswordProof, ChangePasswordError> {
        let phc = self.hasher.hash(password).await?;
        let now = self.clock.now();
        let credential_id: Uuid = Id::<()>::at(now).uuid();
        let PasswordProof { user_id, credential_id: verified } = proof;
        let command = Command::ChangePassword { verified, credential_id, now };
        let beside = vec![read_model::keep_credential(credential_id, phc)];
        match self
            .entities
            .execute(
                &Self::stream(user_id),
                CommandRequest::new(command, context).also_write(beside),
            )
            .await
        {
            Ok(_) => Ok(PasswordProof { user_id, credential_id }),
            Err(ExecuteError::Rejected(Rejection::CredentialReplaced)) => Err(WrongPassword.into()),
            Err(error) => Err(ChangePasswordError::Execute(error)),
        }
    }

    /// Returns true if the password that was proven still is the account's, as far as this node knows.
    ///
    /// # Errors
    ///
    /// If the account cannot be read.
    pub async fn vouches_for(&self, proof: PasswordProof) -> Result<bool, ReadError> {
        let account = self.of(proof.user_id).await?;
        let profile = account.state.profile();
        Ok(profile.is_some_and(|profile| profile.credential_id == proof.credential_id))
    }

    /// Reads an account as it is now.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn of(&self, user_id: UserId) -> Result<Arc<Published<Account>>, ReadError> {
        self.entities.read(&Self::stream(user_id)).await
    }

    /// Stream of a user's account.
    pub fn stream(user_id: UserId) -> StreamName {
        StreamName::new(Account::CATEGORY, user_id)
    }

    /// Notes that another process has written an account's stream up to `version`.
    pub fn require(&self, stream: &StreamName, version: i64) {
        self.entities.require(stream, version);
    }

    /// Waits until the accounts' entities have finished the commands they have accepted.
    pub async fn drain(&self) {
        self.entities.drain().await;
    }
}

/// Follows changes of accounts that other processes commit.
impl Observer for Accounts {
    fn observe(&self, event: &PassingEvent<'_>) {
        self.entities.require(&StreamName::stored(event.stream), event.version);
    }
}
