//! The key ring together with its private keys: how keys are made, kept and opened.

use std::fmt;
use std::sync::Arc;

use super::private_key::{KeyError, PrivateKey};
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
use crate::telemetry::of_own_accord;
use crate::telemetry::spans::sampling::Keeping;

/// Makes a new private key: [`PrivateKey::generate`], unless a test brings its own.
pub type GenerateKey = Arc<dyn Fn(Algorithm) -> Result<PrivateKey, KeyError> + Send + Sync>;

/// Why the key ring could not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultError {
    /// A key could not be made, sealed or opened.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The log could not be read.
    #[error("the key ring cannot be read: {0}")]
    Read(#[from] ReadError),
    /// A private key could not be read.
    #[error("a private key cannot be read: {0}")]
    Store(#[from] StoreError),
    /// The key ring could not be changed.
    #[error("the key ring cannot be changed: {0}")]
    Execute(#[from] ExecuteError<Rejection>),
    /// The key could not be generated.
    #[error("a key cannot be generated: {0}")]
    Work(#[from] WorkError),
}

/// The key ring and its private keys.
pub struct Vault {
    /// The entity that keeps the ring.
    pub ring: Entities<KeyRing>,
    /// Where sealed private keys are read.
    pub pool: Pool,
    /// Seals and opens them.
    pub sealer: Sealer,
    /// Makes new ones.
    pub generate: GenerateKey,
    /// Of this kind.
    pub algorithm: Algorithm,
    /// Where that is done: making a large key takes seconds, which no signature may wait for.
    pub makers: Workers<()>,
    /// Where tokens are signed.
    pub signers: Workers<()>,
    /// The time.
    pub clock: Clock,
    /// When keys change.
    pub schedule: Schedule,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("ring", &self.ring).finish_non_exhaustive()
    }
}

/// A key that waits to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// Its key id.
    pub kid: String,
    /// When it begins to sign.
    pub signs_from: Timestamp,
}

/// What was done about keys whose private halves are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The keys that were taken out.
    pub revoked: Vec<String>,
    /// The new one, which signs.
    pub signing: String,
}

/// What became of the private half of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateHalf {
    /// It opens with the current secret.
    Opens,
    /// It opens with a previous secret only.
    IsOutdated,
    /// It opens with none of the secrets.
    StaysClosed,
    /// There is none: it was erased, or lost.
    IsGone,
}

/// How often the ring is read again when it changed meanwhile.
const LOADS: usize = 3;

/// The stream of the one key ring.
pub fn stream() -> StreamName {
    StreamName::singleton(KeyRing::CATEGORY)
}

impl Vault {
    /// The key set, with a first key made if there is none. However many nodes do this at once, one key is made. What was
    /// sealed under a previous secret is sealed anew, and a key of another algorithm than the wanted one gets a successor.
    ///
    /// # Errors
    ///
    /// When the database is unavailable, or a key does not open with the secrets: then no key is made.
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

    /// Every private key opens with the secrets of this server, and under the current one from now on.
    async fn reseal(&self) -> Result<(), VaultError> {
        for (kid, sealed) in read_model::sealed_keys(&self.pool).await? {
            let Opened { der, is_outdated } = self.sealer.open(&kid, &sealed)?;
            if is_outdated {
                let anew = self.sealer.seal(&kid, &der)?;
                read_model::reseal(&self.pool, &kid, &sealed, &anew).await?;
                tracing::info!(%kid, "a private key is sealed under the new secret");
            }
        }
        Ok(())
    }

    /// Whether the ring has changed since it had this version.
    ///
    /// # Errors
    ///
    /// When the database is unavailable.
    pub async fn has_changed(&self, since: i64) -> Result<bool, VaultError> {
        let client = self.pool.get().await.map_err(StoreError::from)?;
        let stored = reader::versions(&client, &[stream()]).await?;
        let newest = stored.first().copied().unwrap_or_default();
        self.ring.require(&stream(), newest);
        Ok(newest > since)
    }

    /// The key set as it is.
    ///
    /// # Errors
    ///
    /// When the database is unavailable or the signing key does not open with this secret.
    pub async fn load(&self) -> Result<KeySet, VaultError> {
        for _ in 0..LOADS {
            let published = self.ring.read(&stream()).await?;
            let signing = published.state.signing();
            let kid = signing.map_or("(none)", |(key, _)| key.kid());
            if let (Some((public, _)), Some(key)) = (signing, self.open(kid).await?) {
                let signing = Arc::new(Signing::new(public, &key.der)?);
                return Ok(KeySet::new(&published, &self.schedule, Some(signing))?);
            }
            // Erased between the two reads if another process has rotated; else it is really missing.
            if !self.has_changed(published.version).await? {
                return Err(KeyError::Missing(kid.to_owned()).into());
            }
        }
        Err(KeyError::Missing("of the key ring".to_owned()).into())
    }

    /// The key set when a private half does not open: what verifies is what the ring says, and `known` goes on signing only
    /// if it is still the one that does.
    ///
    /// # Errors
    ///
    /// When the database is unavailable.
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

    /// What became of the private half of a key, without changing anything.
    ///
    /// # Errors
    ///
    /// When the database is unavailable.
    pub async fn private_half(&self, kid: &str) -> Result<PrivateHalf, VaultError> {
        Ok(match self.open(kid).await {
            Ok(Some(Opened { is_outdated: false, .. })) => PrivateHalf::Opens,
            Ok(Some(Opened { is_outdated: true, .. })) => PrivateHalf::IsOutdated,
            Ok(None) => PrivateHalf::IsGone,
            Err(VaultError::Key(_)) => PrivateHalf::StaysClosed,
            Err(error) => return Err(error),
        })
    }

    /// Does what is due: publishes a successor, lets it sign, retires keys. However many nodes do so at once, it is done
    /// once.
    ///
    /// # Errors
    ///
    /// When the database is unavailable, or the key that is to sign does not open with this secret: the old one goes on.
    pub async fn advance(&self) -> Result<(), VaultError> {
        let (state, now) = (self.state().await?, self.clock.now());
        match (state.published(), state.signing()) {
            (Some((next, signs_from)), _) if signs_from <= now => {
                let opened = self.open(next.kid()).await?;
                opened.ok_or_else(|| KeyError::Missing(next.kid().to_owned()))?;
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

    /// Publishes the successor of the key that signs, if none is published yet. It signs once every verifier knows it; the
    /// old key then verifies until its last token has expired.
    ///
    /// # Errors
    ///
    /// When the database is unavailable, or the signing key does not open with this secret: the new one would be sealed
    /// under a secret that the servers do not have.
    pub async fn rotate(&self) -> Result<Successor, VaultError> {
        for _ in 0..LOADS {
            self.begin().await?;
            if let Some((signing, _)) = self.state().await?.signing() {
                self.publish(signing.kid(), "keys rotate").await?;
            }
            if let Some((key, signs_from)) = self.state().await?.published() {
                let kid = key.kid().to_owned();
                // One that was published before may have lost its private half since.
                self.open(&kid).await?.ok_or_else(|| KeyError::Missing(kid.clone()))?;
                return Ok(Successor { kid, signs_from });
            }
        }
        Err(VaultError::Execute(ExecuteError::Contended))
    }

    /// Changes the ring, and tells what that came to.
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
        of_own_accord("key.change", Keeping::Always, span, change).await
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

    /// Takes a key out at once, with every token it signed. If it was the one that signs, another one signs from then on: the
    /// published one, or else a new one; its key id is returned.
    ///
    /// # Errors
    ///
    /// When there is no such key, the database is unavailable, or the signing key does not open with this secret.
    pub async fn revoke(&self, kid: &str) -> Result<Option<String>, VaultError> {
        // Of the others none needs to open: this is for emergencies.
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
            // One that does not open has to be revoked first: nobody could sign with it.
            self.open(next.kid()).await?.ok_or_else(|| KeyError::Missing(next.kid().to_owned()))?;
        }
        let new = if is_needed { Some(self.new_key().await?) } else { None };
        let (successor, material) = new.unzip();
        let command = Command::Revoke { kid: kid.to_owned(), successor, now: self.clock.now() };
        let events = self.change(command, "keys revoke", Vec::from_iter(material)).await?;
        Ok(events.into_iter().find_map(KeyEvent::into_started))
    }

    /// Whether a private half is lost: it does not open, or is missing though its key signs or is going to.
    ///
    /// # Errors
    ///
    /// When the database is unavailable.
    pub async fn is_lost(&self) -> Result<bool, VaultError> {
        let sealed = read_model::sealed_keys(&self.pool).await?;
        let state = self.state().await?;
        let mut needed = [state.signing(), state.published()].into_iter().flatten();
        let is_missing = |kid: &str| sealed.iter().all(|(kept, _)| kept != kid);
        Ok(sealed.iter().any(|(kid, sealed)| self.sealer.open(kid, sealed).is_err())
            || needed.any(|(key, _)| is_missing(key.kid())))
    }

    /// Takes out every key, with every token they signed, and lets a new one sign, if a private half is lost. `None` if none is:
    /// then nothing is changed.
    ///
    /// # Errors
    ///
    /// When the database is unavailable.
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

    /// The public half of a new key, and the statement that keeps its private half, sealed.
    async fn new_key(&self) -> Result<(Jwk, Statement), VaultError> {
        let (generate, algorithm) = (Arc::clone(&self.generate), self.algorithm);
        let key = self.makers.run(move |()| generate(algorithm)).await??;
        let sealed = self.sealer.seal(key.public.kid(), &key.der)?;
        let material = read_model::keep_material(key.public.kid(), sealed);
        Ok((key.public, material))
    }
}
