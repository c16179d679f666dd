//! The key ring together with its private keys: how keys are made, kept and opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::jwk::Jwk;
use super::key_ring::{Command, KeyRing, Rejection};
use super::key_set::KeySet;
use super::private_key::{KeyError, PrivateKey, Sealer};
use super::read_model;
use crate::clock::Clock;
use crate::database::Pool;
use crate::eventlog::{
    Context, Decider, Entities, ExecuteError, ReadError, Statement, StoreError, StreamName, store,
};
use crate::workers::{WorkError, Workers};

/// Makes a new private key: [`PrivateKey::generate`], unless a test brings its own.
pub type GenerateKey = Arc<dyn Fn() -> Result<PrivateKey, KeyError> + Send + Sync>;

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
    /// Where that is done.
    pub workers: Workers<()>,
    /// The time.
    pub clock: Clock,
    /// How long a token is valid: a key verifies that much longer than it signs.
    pub token_lifetime: Duration,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("ring", &self.ring).finish_non_exhaustive()
    }
}

/// How often the ring is read again when its signing key was rotated out meanwhile.
const LOADS: usize = 3;

/// The stream of the one key ring.
pub fn stream() -> StreamName {
    StreamName::singleton(KeyRing::CATEGORY)
}

impl Vault {
    /// The key set, with a first key made if there is none. However many nodes do this at once, one key is made.
    ///
    /// # Errors
    ///
    /// When the database is unavailable, or the signing key does not open with this secret: then no key is made.
    pub async fn begin(&self) -> Result<KeySet, VaultError> {
        if self.ring.read(&stream()).await?.state.signing().is_none() {
            let (key, material) = self.new_key().await?;
            let context = Context::caused_by("first signing key");
            let command = Command::Begin { key };
            let outcome = self.ring.execute(&stream(), command, context, vec![material]).await?;
            if !outcome.events.is_empty() {
                tracing::info!("made the first signing key");
            }
        }
        self.load().await
    }

    /// Whether the ring has changed since it had this version.
    ///
    /// # Errors
    ///
    /// When the database is unavailable.
    pub async fn has_changed(&self, since: i64) -> Result<bool, VaultError> {
        let client = self.pool.get().await.map_err(StoreError::from)?;
        let stored = store::versions(&client, &[stream()]).await?;
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
            let signing =
                published.state.signing().ok_or_else(|| KeyError::Missing("(none)".to_owned()))?;
            let kid = signing.kid.clone();
            if let Some(sealed) = read_model::sealed_key(&self.pool, &kid).await? {
                let private = self.sealer.open(&kid, &sealed)?;
                return Ok(KeySet::new(&published, kid, &private)?);
            }
            // Erased between the two reads if another process has rotated; else it is really missing.
            if !self.has_changed(published.version).await? {
                return Err(KeyError::Missing(kid).into());
            }
        }
        Err(KeyError::Missing("of the key ring".to_owned()).into())
    }

    /// Makes a new key sign. The old one verifies until its last token has expired. Returns the new key id.
    ///
    /// # Errors
    ///
    /// When the database is unavailable, or the signing key does not open with this secret: the new one would be sealed
    /// under a secret that the servers do not have.
    pub async fn rotate(&self) -> Result<String, VaultError> {
        self.begin().await?;
        let (key, material) = self.new_key().await?;
        let kid = key.kid.clone();
        let now = self.clock.now();
        let command = Command::Rotate { key, now, verifies_until: now.after(self.token_lifetime) };
        let context = Context::caused_by("keys rotate");
        self.ring.execute(&stream(), command, context, vec![material]).await?;
        Ok(kid)
    }

    /// Takes a key out at once, with every token it signed. If it was the one that signs, a new key signs from then on;
    /// its key id is returned.
    ///
    /// # Errors
    ///
    /// When there is no such key, the database is unavailable, or the signing key does not open with this secret.
    pub async fn revoke(&self, kid: &str) -> Result<Option<String>, VaultError> {
        self.begin().await?;
        for _ in 0..LOADS {
            let ring = self.ring.read(&stream()).await?;
            let signs = ring.state.signing().is_some_and(|signing| signing.kid == kid);
            match self.try_to_revoke(kid, signs).await {
                Err(VaultError::Execute(ExecuteError::Rejected(Rejection::SigningChanged))) => {}
                revoked => return revoked,
            }
        }
        Err(VaultError::Execute(ExecuteError::Contended))
    }

    async fn try_to_revoke(&self, kid: &str, signs: bool) -> Result<Option<String>, VaultError> {
        let (successor, material) = if signs { Some(self.new_key().await?) } else { None }.unzip();
        let new = successor.as_ref().map(|key| key.kid.clone());
        let command = Command::Revoke { kid: kid.to_owned(), successor };
        let (context, beside) = (Context::caused_by("keys revoke"), Vec::from_iter(material));
        self.ring.execute(&stream(), command, context, beside).await?;
        Ok(new)
    }

    /// The public half of a new key, and the statement that keeps its private half, sealed.
    async fn new_key(&self) -> Result<(Jwk, Statement), VaultError> {
        let generate = Arc::clone(&self.generate);
        let key = self.workers.run(move |()| generate()).await??;
        let material = read_model::keep_material(&key, self.sealer.seal(&key)?);
        Ok((key.public, material))
    }
}
