//! The key ring together with its private keys: generating, storing and opening keys.

use std::fmt;
use std::sync::Arc;

use super::private_key::{PrivateKey, PrivateKeyError};
use super::sealer::{Opened, Sealer};
use super::signing::Signing;
use crate::base::clock::{Clock, Timestamp};
use crate::capacity::worker_pool::{WorkError, Workers};
use crate::eventlog::CommandRequest;
use crate::eventlog::log::reader;
use crate::eventlog::{
    Context, Decider, Entities, ExecuteError, ReadError, Statement, StoreError, StreamName,
};
use crate::keys::algorithm::Algorithm;
use crate::keys::events::KeyEvent;
use crate::keys::jwk::Jwk;
use crate::keys::key_set::KeySet;
use crate::keys::read_model;
use crate::keys::ring::schedule::Schedule;
use crate::keys::ring::{Command, KeyRing, Rejection, State};
use crate::postgres::Pool;
use crate::telemetry::in_new_trace;
use crate::telemetry::spans::sampling::TracePriority;

/// Makes a new private key: [`PrivateKey::generate`], unless a test brings its own.
pub type GenerateKey = Arc<dyn Fn(Algorithm) -> Result<PrivateKey, PrivateKeyError> + Send + Sync>;

/// Reasons for which the key ring could not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultError {
    /// A key could not be made, sealed or opened.
    #[error(transparent)]
    Key(#[from] PrivateKeyError),
    /// The log could not be read.
    #[error("the key ring cannot be read: {0}")]
    Read(#[from] ReadError),
    /// A private key could not be read.
    #[error("a private key cannot be read: {0}")]
    Store(#[from] StoreError),
    /// The key ring could not be changed.
    #[error("the key ring cannot be changed: {0}")]
    Execute(#[from] ExecuteError<Rejection>),
    /// The workers that generate keys did not run the job.
    #[error("a key cannot be generated: {0}")]
    Work(#[from] WorkError),
}

/// Joins the rules of the ring with the private keys, which only this type opens.
pub struct Vault {
    /// Entity that decides and commits changes of the ring.
    pub ring: Entities<KeyRing>,
    /// Connections over which sealed private keys are read and resealed.
    pub pool: Pool,
    /// Seals and opens private keys under the server's secrets.
    pub sealer: Sealer,
    /// Generator of new keys, which tests replace.
    pub generate: GenerateKey,
    /// Configured algorithm; a signing key of another one gets a successor at start.
    pub algorithm: Algorithm,
    /// Worker threads that generate keys: a large key takes seconds, which no signature may wait for.
    pub makers: Workers<()>,
    /// Worker threads that sign tokens, handed to [`Keys`](crate::keys::Keys).
    pub signers: Workers<()>,
    /// Injected clock, which times every change of the ring.
    pub clock: Clock,
    /// Durations from which changes are timed.
    pub schedule: Schedule,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("ring", &self.ring).finish_non_exhaustive()
    }
}

/// A published key that waits to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// Key id of the successor, as the JWKS names it.
    pub kid: String,
    /// Time at which it begins to sign.
    pub signs_from: Timestamp,
}

/// Outcome of replacing keys whose private halves are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Key ids of the keys that were taken out.
    pub revoked: Vec<String>,
    /// Key id of the new key, which signs.
    pub signing: String,
}

/// State of the private half of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateHalf {
    /// It opens with the current secret.
    Opens,
    /// It opens with a previous secret only.
    IsOutdated,
    /// It opens with none of the server's secrets.
    StaysClosed,
    /// The database has none: it was erased, or lost.
    IsGone,
}

/// Attempts to use the ring while other processes change it.
const LOADS: usize = 3;

/// Stream of the one key ring.
pub fn stream() -> StreamName {
    StreamName::singleton(KeyRing::CATEGORY)
}

impl Vault {
    /// Loads the key set, and makes the first key if there is none: one, however many nodes start at once. Private keys sealed
    /// under a previous secret are resealed, and a signing key of another than the configured algorithm gets a successor.
    ///
    /// # Errors
    ///
    /// If the database is unavailable, or a key does not open with the secrets: then no key is made.
    pub async fn begin(&self) -> Result<KeySet, VaultError> {
        self.reseal().await?;
        match self.state().await?.signing() {
            None => self.make_first().await?,
            Some((key, _)) if key.algorithm() != self.algorithm => {
                self.publish(key.kid(), "another algorithm is configured").await?;
            }
            Some(_) => {}
        }
        self.load().await
    }

    async fn state(&self) -> Result<State, VaultError> {
        Ok(self.ring.read(&stream()).await?.state.clone())
    }

    async fn make_first(&self) -> Result<(), VaultError> {
        let (key, material) = self.new_key().await?;
        let command = Command::Begin { key, now: self.clock.now() };
        self.change(command, "first signing key", vec![material]).await.map(drop)
    }

    /// Reseals private keys that open under a previous secret only. Fails if one opens with none of the server's secrets.
    async fn reseal(&self) -> Result<(), VaultError> {
        for (kid, sealed) in read_model::sealed_keys(&self.pool).await? {
            let Opened { der, is_outdated } = self.sealer.open(&kid, &sealed)?;
            if is_outdated {
                let anew = self.sealer.seal(&kid, &der)?;
                read_model::reseal(&self.pool, &kid, &sealed, &anew).await?;
                tracing::info!(%kid, "private key resealed under the new secret");
            }
        }
        Ok(())
    }

    /// Returns true if the ring has changed since this version.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn has_changed(&self, since: i64) -> Result<bool, VaultError> {
        let client = self.pool.get().await.map_err(StoreError::from)?;
        let stored = reader::versions(&client, &[stream()]).await?;
        let newest = stored.first().copied().unwrap_or_default();
        self.ring.require(&stream(), newest);
        Ok(newest > since)
    }

    /// Loads the key set as it is now.
    ///
    /// # Errors
    ///
    /// If the database is unavailable or the signing key does not open with this secret.
    pub async fn load(&self) -> Result<KeySet, VaultError> {
        for _ in 0..LOADS {
            let published = self.ring.read(&stream()).await?;
            let signing = published.state.signing();
            let kid = signing.map_or("(none)", |(key, _)| key.kid());
            if let (Some((public, _)), Some(key)) = (signing, self.open(kid).await?) {
                let signing = Arc::new(Signing::new(public, &key.der)?);
                return Ok(KeySet::new(&published, &self.schedule, Some(signing))?);
            }
            // If another process has rotated, it was erased between the two reads; otherwise it is missing.
            if !self.has_changed(published.version).await? {
                return Err(PrivateKeyError::Missing(kid.to_owned()).into());
            }
        }
        Err(PrivateKeyError::Missing("of the key ring".to_owned()).into())
    }

    /// Loads the key set without opening a private half: the public keys of the ring verify, and `known` goes on signing only
    /// if the ring still has it as the signing key.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn load_without(&self, known: Option<Arc<Signing>>) -> Result<KeySet, VaultError> {
        let published = self.ring.read(&stream()).await?;
        let signs = published.state.signing().map(|(key, _)| key.kid());
        let signing = known.filter(|known| Some(known.kid.as_str()) == signs);
        Ok(KeySet::new(&published, &self.schedule, signing)?)
    }

    async fn open(&self, kid: &str) -> Result<Option<Opened>, VaultError> {
        let sealed = read_model::sealed_key(&self.pool, kid).await?;
        Ok(sealed.map(|sealed| self.sealer.open(kid, &sealed)).transpose()?)
    }

    /// Returns the state of a key's private half, and changes nothing.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn private_half(&self, kid: &str) -> Result<PrivateHalf, VaultError> {
        Ok(match self.open(kid).await {
            Ok(Some(Opened { is_outdated: false, .. })) => PrivateHalf::Opens,
            Ok(Some(Opened { is_outdated: true, .. })) => PrivateHalf::IsOutdated,
            Ok(None) => PrivateHalf::IsGone,
            Err(VaultError::Key(_)) => PrivateHalf::StaysClosed,
            Err(error) => return Err(error),
        })
    }

    /// Makes the changes that are due: publishes a successor, lets it sign, retires keys. Each is made once, however many
    /// nodes try at the same time.
    ///
    /// # Errors
    ///
    /// If the database is unavailable, or the key that is to sign does not open with this secret: the old one goes on signing.
    pub async fn advance(&self) -> Result<(), VaultError> {
        let (state, now) = (self.state().await?, self.clock.now());
        match (state.published(), state.signing()) {
            (Some((next, signs_from)), _) if signs_from <= now => {
                let opened = self.open(next.kid()).await?;
                opened.ok_or_else(|| PrivateKeyError::Missing(next.kid().to_owned()))?;
            }
            (None, Some((key, since))) if self.schedule.successor_at(since) <= now => {
                self.publish(key.kid(), "rotation schedule").await?;
            }
            (Some(_) | None, _) => {}
        }
        let verifies_until = self.schedule.verifies_until(now);
        let command = Command::Advance { now, verifies_until };
        self.change(command, "rotation schedule", Vec::new()).await.map(drop)
    }

    /// Publishes the successor of the signing key, if none is published yet. It signs once every verifier knows it; the
    /// old key then verifies until its last token has expired.
    ///
    /// # Errors
    ///
    /// If the database is unavailable, or the signing key does not open with this secret: the new one would be sealed
    /// under a secret that the servers do not have.
    pub async fn rotate(&self) -> Result<Successor, VaultError> {
        for _ in 0..LOADS {
            self.begin().await?;
            if let Some((signing, _)) = self.state().await?.signing() {
                self.publish(signing.kid(), "keys rotate").await?;
            }
            if let Some((key, signs_from)) = self.state().await?.published() {
                let kid = key.kid().to_owned();
                // A key that was published before may have lost its private half since.
                self.open(&kid).await?.ok_or_else(|| PrivateKeyError::Missing(kid.clone()))?;
                return Ok(Successor { kid, signs_from });
            }
        }
        Err(VaultError::Execute(ExecuteError::Contended))
    }

    /// Changes the ring, and writes an audit event for each change that was committed.
    async fn change(
        &self,
        command: Command,
        why: &str,
        beside: Vec<Statement>,
    ) -> Result<Vec<KeyEvent>, VaultError> {
        let change = async {
            let context = Context::caused_by(why);
            let outcome = self
                .ring
                .execute(&stream(), CommandRequest::new(command, context).also_write(beside))
                .await?;
            outcome.events.iter().for_each(KeyEvent::tell);
            Ok(outcome.events)
        };
        let span = || tracing::info_span!("key.change");
        in_new_trace("key.change", TracePriority::Always, span, change).await
    }

    async fn publish(&self, succeeds: &str, why: &str) -> Result<(), VaultError> {
        if self.state().await?.published().is_some() {
            return Ok(());
        }
        let (key, material) = self.new_key().await?;
        let signs_from = self.schedule.signs_from(self.clock.now());
        let command = Command::Publish { key, succeeds: succeeds.to_owned(), signs_from };
        self.change(command, why, vec![material]).await.map(drop)
    }

    /// Takes a key out at once, with every token it signed. If it was the signing key, the published key or else a new one
    /// signs from then on, and its key id is returned.
    ///
    /// # Errors
    ///
    /// If there is no such key, the database is unavailable, or the signing key does not open with this secret.
    pub async fn revoke(&self, kid: &str) -> Result<Option<String>, VaultError> {
        // Only the signing key has to open: this command is for emergencies.
        self.load().await?;
        for _ in 0..LOADS {
            match self.try_to_revoke(kid).await {
                Err(VaultError::Execute(ExecuteError::Rejected(Rejection::RingChanged))) => {}
                revoked => return revoked,
            }
        }
        Err(VaultError::Execute(ExecuteError::Contended))
    }

    async fn try_to_revoke(&self, kid: &str) -> Result<Option<String>, VaultError> {
        let state = self.state().await?;
        let signs = state.signing().is_some_and(|(key, _)| key.kid() == kid);
        let is_needed = signs && state.published().is_none();
        if let Some((next, _)) = state.published().filter(|_| signs) {
            // A successor that does not open has to be revoked first: no node could sign with it.
            self.open(next.kid())
                .await?
                .ok_or_else(|| PrivateKeyError::Missing(next.kid().to_owned()))?;
        }
        let new = if is_needed { Some(self.new_key().await?) } else { None };
        let (successor, material) = new.unzip();
        let command = Command::Revoke { kid: kid.to_owned(), successor, now: self.clock.now() };
        let events = self.change(command, "keys revoke", Vec::from_iter(material)).await?;
        Ok(events.into_iter().find_map(KeyEvent::into_started))
    }

    /// Returns true if a private half is lost: it does not open, or is missing though its key signs or is going to sign.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn is_lost(&self) -> Result<bool, VaultError> {
        let sealed = read_model::sealed_keys(&self.pool).await?;
        let state = self.state().await?;
        let mut needed = [state.signing(), state.published()].into_iter().flatten();
        let is_missing = |kid: &str| sealed.iter().all(|(kept, _)| kept != kid);
        Ok(sealed.iter().any(|(kid, sealed)| self.sealer.open(kid, sealed).is_err())
            || needed.any(|(key, _)| is_missing(key.kid())))
    }

    /// If a private half is lost, takes out every key, with every token they signed, and lets a new one sign. Otherwise
    /// returns `None` and changes nothing.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn replace_lost(&self) -> Result<Option<Replacement>, VaultError> {
        for _ in 0..LOADS {
            if !self.is_lost().await? {
                return Ok(None);
            }
            match self.replace().await {
                Err(VaultError::Execute(ExecuteError::Rejected(Rejection::RingChanged))) => {}
                replaced => return replaced.map(Some),
            }
        }
        Err(VaultError::Execute(ExecuteError::Contended))
    }

    async fn replace(&self) -> Result<Replacement, VaultError> {
        let signing = self.state().await?.signing().map(|(key, _)| key.kid().to_owned());
        let (successor, material) = self.new_key().await?;
        let kid = successor.kid().to_owned();
        let command = Command::Replace { signing, successor, now: self.clock.now() };
        let beside = vec![read_model::erase_all_material(), material];
        let events = self.change(command, "keys replace", beside).await?;
        let revoked = events.into_iter().filter_map(KeyEvent::into_revoked).collect();
        Ok(Replacement { revoked, signing: kid })
    }

    /// Generates a key; returns its public half, and the statement that stores its private half, sealed.
    async fn new_key(&self) -> Result<(Jwk, Statement), VaultError> {
        let (generate, algorithm) = (Arc::clone(&self.generate), self.algorithm);
        let key = self.makers.run(move |()| generate(algorithm)).await??;
        let sealed = self.sealer.seal(key.public.kid(), &key.der)?;
        let material = read_model::keep_material(key.public.kid(), sealed);
        Ok((key.public, material))
    }
}
