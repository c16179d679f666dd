//! Accounts: who a user is and how they prove it.
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
use self::claims::Claims;
use self::failures::FailedSignIns;
use self::name::Name;
use self::password::{HashError, Password, PasswordHasher, WrongPassword};
use crate::base::clock::Clock;
use crate::base::id::{Id, UserId};
use crate::eventlog::CommandRequest;
use crate::eventlog::cluster::follower::Observer;
use crate::eventlog::{
    Context, Decider, Entities, ExecuteError, Heard, Published, ReadError, StoreError, StreamName,
};
use crate::postgres::Pool;

/// The AccountActors: the generic entity hosting each user's [`Account`], and what surrounds it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Accounts {
    entities: Entities<Account>,
    pool: Pool,
    hasher: PasswordHasher,
    failed: Arc<FailedSignIns>,
    claims: Arc<Claims>,
    clock: Clock,
}

/// A new account was not made.
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
    /// The log did not take it.
    #[error(transparent)]
    Execute(AccountCommandError),
}

/// Nobody can say whether a password is the right one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VerifyError {
    /// The password was not verified.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A command on an account was not carried out.
pub type AccountCommandError = ExecuteError<Rejection>;

/// A password was not changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChangePasswordError {
    /// The password that was verified is not the account's any more.
    #[error(transparent)]
    Wrong(#[from] WrongPassword),
    /// The new password was not hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The log did not take it.
    #[error(transparent)]
    Execute(AccountCommandError),
}

/// Somebody knew the password of an account. It is worth nothing any more once another password opens the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Whose account it is.
    pub user_id: UserId,
    /// The row beside the log that holds the hash of that password.
    pub credential_id: Uuid,
}

/// What came of an address and a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// They belong together.
    Proven(Proof),
    /// The password is not this user's.
    WrongPassword(UserId),
    /// No account has the address.
    UnknownAccount,
}

impl Accounts {
    /// The accounts kept by `entities`.
    pub fn new(
        entities: Entities<Account>,
        pool: Pool,
        hasher: PasswordHasher,
        clock: Clock,
    ) -> Self {
        let (failed, claims) = (Arc::default(), Arc::default());
        Self { entities, pool, hasher, failed, claims, clock }
    }

    /// Changes what a user says of themselves: their profile as it is then.
    ///
    /// # Errors
    ///
    /// When there is no such user any more, or the log does not take it.
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

    /// Lets another password open the account of somebody who knew the one before; from the answer on that one opens nothing.
    ///
    /// # Errors
    ///
    /// When another change was faster, too many hashes wait, or the log does not take it.
    pub async fn change_password(
        &self,
        proof: Proof,
        password: Password,
        context: Context,
    ) -> Result<Proof, ChangePasswordError> {
        let phc = self.hasher.hash(password).await?;
        let now = self.clock.now();
        let credential_id: Uuid = Id::<()>::at(now).uuid();
        let Proof { user_id, credential_id: verified } = proof;
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
            Ok(_) => Ok(Proof { user_id, credential_id }),
            Err(ExecuteError::Rejected(Rejection::CredentialReplaced)) => Err(WrongPassword.into()),
            Err(error) => Err(ChangePasswordError::Execute(error)),
        }
    }

    /// Whether the password that was proven still is the account's, as far as this node knows.
    ///
    /// # Errors
    ///
    /// When the account cannot be read.
    pub async fn vouches_for(&self, proof: Proof) -> Result<bool, ReadError> {
        let account = self.of(proof.user_id).await?;
        let profile = account.state.profile();
        Ok(profile.is_some_and(|profile| profile.credential_id == proof.credential_id))
    }

    /// An account as it is now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn of(&self, user_id: UserId) -> Result<Arc<Published<Account>>, ReadError> {
        self.entities.read(&Self::stream(user_id)).await
    }

    /// The stream of a user's account.
    pub fn stream(user_id: UserId) -> StreamName {
        StreamName::new(Account::CATEGORY, user_id)
    }

    /// Another process has written an account's stream up to `version`.
    pub fn require(&self, stream: &StreamName, version: i64) {
        self.entities.require(stream, version);
    }

    /// Lets every account finish what it was told.
    pub async fn drain(&self) {
        self.entities.drain().await;
    }
}

/// Hears that another process changed an account.
impl Observer for Accounts {
    fn observe(&self, event: &Heard<'_>) {
        self.entities.require(&StreamName::stored(event.stream), event.version);
    }
}
