//! Making an account: the address is looked up before a password is hashed, and again before an event is appended.

use uuid::Uuid;

use super::account::Command;
use super::email::Email;
use super::events::AccountCreated;
use super::name::Name;
use super::password::Password;
use super::{Accounts, PasswordProof, SignUpError, read_model};
use crate::base::id::{Id, UserId};
use crate::eventlog::CommandRequest;
use crate::eventlog::{Context, ExecuteError, StoreError};

/// A new account whose address was free a moment ago, with the hash of its password.
#[derive(Debug)]
pub struct NewAccount {
    /// Address that was free at the look-up, and is looked up again before the append.
    email: Email,
    /// Name for the profile, recorded in the first event of the account.
    name: Name,
    /// Hash of the password, made before the address is locked, because hashing takes long.
    phc: String,
}

impl Accounts {
    /// Hashes the password of a new account. No event is appended yet: the request may be cancelled, which saves the hash.
    ///
    /// # Errors
    ///
    /// If the address is taken, or too many hashes wait.
    pub async fn prepare(
        &self,
        email: Email,
        name: Name,
        password: Password,
    ) -> Result<NewAccount, SignUpError> {
        self.refuse_taken(&email).await?;
        let phc = self.hasher.hash(password).await?;
        Ok(NewAccount { email, name, phc })
    }

    /// Makes an account, and returns the proof with which its first session begins.
    ///
    /// # Errors
    ///
    /// If the address is taken, or the log does not take the event.
    pub async fn sign_up(
        &self,
        account: NewAccount,
        context: Context,
    ) -> Result<PasswordProof, SignUpError> {
        let claimed = account.email.clone();
        let _claim = self.claims.claim(&claimed).await;
        self.refuse_taken(&claimed).await?;
        self.create(account, context).await
    }

    /// Refuses an address that is taken. The answer to a sign-up tells that anyway, so a look-up beforehand reveals nothing more;
    /// it saves the hash, the append that the constraint would refuse, and the actor.
    async fn refuse_taken(&self, email: &Email) -> Result<(), SignUpError> {
        match read_model::user_of(&self.pool, email).await.map_err(StoreError::of_read)? {
            Some(_) => Err(SignUpError::EmailTaken),
            None => Ok(()),
        }
    }

    async fn create(
        &self,
        account: NewAccount,
        context: Context,
    ) -> Result<PasswordProof, SignUpError> {
        let NewAccount { email, name, phc } = account;
        let now = self.clock.now();
        let user_id = UserId::at(now);
        let credential_id: Uuid = Id::<()>::at(now).uuid();
        let created = AccountCreated { email, name, credential_id, created_at: now };
        let beside = vec![read_model::keep_credential(credential_id, phc)];
        let context = Context { user_id: Some(user_id), ..context };
        let outcome = self
            .entities
            .execute(
                &Self::stream(user_id),
                CommandRequest::new(Command::Create(created), context).also_write(beside),
            )
            .await;
        match outcome {
            Ok(_) => Ok(PasswordProof { user_id, credential_id }),
            // Another node was faster.
            Err(ExecuteError::Store(StoreError::Constraint(constraint)))
                if constraint == read_model::EMAIL_TAKEN =>
            {
                Err(SignUpError::EmailTaken)
            }
            Err(error) => Err(SignUpError::Execute(error)),
        }
    }
}
