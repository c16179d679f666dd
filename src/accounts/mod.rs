//! Accounts: who a user is and how they prove it.
//!
//! [`email`], [`name`] and [`password`] are the values, [`account`] holds the rules, [`read_model`] follows into SQL.

pub mod account;
pub mod email;
pub mod events;
pub mod name;
pub mod password;
pub mod read_model;

use std::sync::Arc;

use uuid::Uuid;

use self::account::{Account, Command, Profile, Rejection};
use self::email::Email;
use self::events::AccountCreated;
use self::name::Name;
use self::password::{HashError, Password, PasswordHasher};
use crate::clock::Clock;
use crate::database::Pool;
use crate::eventlog::follower::Observer;
use crate::eventlog::{
    Context, Decider, Entities, ExecuteError, Published, ReadError, RecordedEvent, StoreError,
    StreamName,
};
use crate::id::{Id, UserId};

/// The AccountActors: the generic entity hosting each user's [`Account`], and what surrounds it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Accounts {
    entities: Entities<Account>,
    pool: Pool,
    hasher: PasswordHasher,
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
    /// The log did not take it.
    #[error(transparent)]
    Execute(ExecuteError<Rejection>),
}

/// Nobody was signed in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignInError {
    /// No such account, or another password: nobody is told which.
    #[error("the email address or the password is wrong")]
    WrongCredentials,
    /// The password was not verified.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The account could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Accounts {
    /// The accounts kept by `entities`.
    pub fn new(
        entities: Entities<Account>,
        pool: Pool,
        hasher: PasswordHasher,
        clock: Clock,
    ) -> Self {
        Self { entities, pool, hasher, clock }
    }

    /// Makes an account.
    ///
    /// # Errors
    ///
    /// When the address is taken, too many hashes wait, or the log does not take it.
    pub async fn sign_up(
        &self,
        email: Email,
        name: Name,
        password: Password,
        context: Context,
    ) -> Result<(UserId, Profile), SignUpError> {
        let phc = self.hasher.hash(password).await?;
        let now = self.clock.now();
        let user_id = UserId::at(now);
        let credential_id: Uuid = Id::<()>::at(now).uuid();
        let created = AccountCreated { email, name, credential_id, created_at: now };
        let beside = vec![read_model::keep_credential(credential_id, phc)];
        let context = Context { user_id: Some(user_id), ..context };
        let outcome = self
            .entities
            .execute(&Self::stream(user_id), Command::Create(created), context, beside)
            .await;
        match outcome {
            Ok(outcome) => outcome
                .published
                .state
                .profile()
                .cloned()
                .map(|profile| (user_id, profile))
                .ok_or(SignUpError::Execute(ExecuteError::NoReply)),
            Err(ExecuteError::Store(StoreError::Constraint(constraint)))
                if constraint == read_model::EMAIL_TAKEN =>
            {
                Err(SignUpError::EmailTaken)
            }
            Err(error) => Err(SignUpError::Execute(error)),
        }
    }

    /// Whose address and password these are. Takes the same time whether or not there is such an account.
    ///
    /// # Errors
    ///
    /// When there is no such account or the password is another one; when nobody can say.
    pub async fn sign_in(
        &self,
        email: &Email,
        password: Password,
    ) -> Result<(UserId, Profile), SignInError> {
        let login = read_model::login(&self.pool, email).await?;
        let (user_id, phc) = login.map(|login| (login.user_id, login.phc)).unzip();
        if !self.hasher.verify(password, phc).await? {
            return Err(SignInError::WrongCredentials);
        }
        let user_id = user_id.ok_or(SignInError::WrongCredentials)?;
        let profile = self.of(user_id).await?.state.profile().cloned();
        let profile = profile.ok_or(SignInError::WrongCredentials)?;
        Ok((user_id, profile))
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
    fn observe(&self, event: &RecordedEvent) {
        self.entities.require(&StreamName::stored(&event.stream), event.version);
    }
}
