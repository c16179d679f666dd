//! Verification of passwords: at sign-in by address, and again for a user who is signed in.

use super::email::Email;
use super::password::{HashError, Password, PasswordVerdict};
use super::read_model::{self, Login};
use super::{Accounts, PasswordCheck, PasswordProof, VerifyError};
use crate::base::id::UserId;
use crate::telemetry;

impl Accounts {
    /// Checks an address and a password. It takes equally long with and without an account of this address; only telemetry may
    /// learn more of the outcome than right or wrong.
    ///
    /// A right password whose hash has another cost than the configured one is rehashed.
    ///
    /// # Errors
    ///
    /// If the password cannot be verified.
    pub async fn sign_in(
        &self,
        email: &Email,
        password: Password,
    ) -> Result<PasswordCheck, VerifyError> {
        let login = read_model::login(&self.pool, email).await?;
        let verdict = self.verify(password.clone(), login.as_ref()).await?;
        let attempt = match &login {
            Some(login) if verdict.is_right => PasswordCheck::Proven(login.proof()),
            Some(login) => PasswordCheck::WrongPassword(login.user_id),
            None => PasswordCheck::UnknownAccount,
        };
        match attempt {
            PasswordCheck::Proven(_) => self.failed.succeeded(email),
            PasswordCheck::WrongPassword(_) | PasswordCheck::UnknownAccount => {
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

    /// Returns a proof if this is the user's password.
    ///
    /// # Errors
    ///
    /// If the password cannot be verified.
    pub async fn prove(
        &self,
        user_id: UserId,
        password: Password,
    ) -> Result<Option<PasswordProof>, VerifyError> {
        let login = read_model::login_of(&self.pool, user_id).await?;
        let verdict = self.verify(password, login.as_ref()).await?;
        Ok(login.filter(|_| verdict.is_right).map(|login| login.proof()))
    }

    async fn verify(
        &self,
        password: Password,
        login: Option<&Login>,
    ) -> Result<PasswordVerdict, HashError> {
        self.hasher.verify(password, login.map(|login| login.phc.clone())).await
    }

    /// Stores another hash of the same password, in the row that the account's events and sessions name. If the password is
    /// changed meanwhile, that row is gone and nothing is stored. A failure does not fail the sign-in: the next one tries again.
    async fn hash_anew(&self, login: Login, password: Password) {
        if let Err(error) = self.replace_hash(&login, password).await {
            tracing::warn!(user.id = %login.user_id, %error, "failed to rehash a password; retrying at the next sign-in");
        }
    }

    async fn replace_hash(&self, login: &Login, password: Password) -> Result<(), VerifyError> {
        let phc = self.hasher.hash(password).await?;
        read_model::replace_hash(&self.pool, login.credential_id, &login.phc, &phc).await?;
        Ok(())
    }
}

impl Login {
    fn proof(&self) -> PasswordProof {
        PasswordProof { user_id: self.user_id, credential_id: self.credential_id }
    }
}
