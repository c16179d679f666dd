//! Finding out whether somebody knows the password of an account.

use super::email::Email;
use super::password::{HashError, Password, Verdict};
use super::read_model::{self, Login};
use super::{Accounts, Attempt, Proof, VerifyError};
use crate::base::id::UserId;
use crate::telemetry;

impl Accounts {
    /// Whose address and password these are, if they belong together. Takes the same time whether or not there is such an
    /// account: of what came of it only telemetry may tell more than whether it was right.
    ///
    /// A password that was hashed when that cost something else is hashed anew.
    ///
    /// # Errors
    ///
    /// When nobody can say.
    pub async fn sign_in(&self, email: &Email, password: Password) -> Result<Attempt, VerifyError> {
        let login = read_model::login(&self.pool, email).await?;
        let verdict = self.verify(password.clone(), login.as_ref()).await?;
        let attempt = match &login {
            Some(login) if verdict.is_right => Attempt::Proven(login.proof()),
            Some(login) => Attempt::WrongPassword(login.user_id),
            None => Attempt::UnknownAccount,
        };
        match attempt {
            Attempt::Proven(_) => self.failed.succeeded(email),
            Attempt::WrongPassword(_) | Attempt::UnknownAccount => {
                telemetry::audit_events::sign_in_streak(
                    self.failed.failed(email, self.clock.now()),
                );
            }
        }
        if let Some(login) = login.filter(|_| verdict.is_right && verdict.is_outdated) {
            self.hash_anew(login, password).await;
        }
        Ok(attempt)
    }

    /// Whether a password is this user's.
    ///
    /// # Errors
    ///
    /// When nobody can say.
    pub async fn prove(
        &self,
        user_id: UserId,
        password: Password,
    ) -> Result<Option<Proof>, VerifyError> {
        let login = read_model::login_of(&self.pool, user_id).await?;
        let verdict = self.verify(password, login.as_ref()).await?;
        Ok(login.filter(|_| verdict.is_right).map(|login| login.proof()))
    }

    async fn verify(
        &self,
        password: Password,
        login: Option<&Login>,
    ) -> Result<Verdict, HashError> {
        self.hasher.verify(password, login.map(|login| login.phc.clone())).await
    }

    /// Keeps another hash of the same password, in the row that the account's events and sessions name. If the password is changed
    /// meanwhile, that row is gone and nothing is kept. A failure hinders nobody: the next sign-in tries again.
    async fn hash_anew(&self, login: Login, password: Password) {
        if let Err(error) = self.replace_hash(&login, password).await {
            tracing::warn!(user.id = %login.user_id, %error, "a password was not hashed anew");
        }
    }

    async fn replace_hash(&self, login: &Login, password: Password) -> Result<(), VerifyError> {
        let phc = self.hasher.hash(password).await?;
        read_model::replace_hash(&self.pool, login.credential_id, &login.phc, &phc).await?;
        Ok(())
    }
}

impl Login {
    fn proof(&self) -> Proof {
        Proof { user_id: self.user_id, credential_id: self.credential_id }
    }
}
