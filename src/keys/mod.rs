//! Signing keys and access tokens.
//!
//! [`ring`] holds the rules and [`ring::schedule`] the times. [`private::vault`] joins them with the private keys, which
//! [`private::sealer`] seals. The KeyManager owns this node's [`key_set`]: the key for [`private::signing`], the public
//! keys, and the verified tokens ([`tokens::verified`]). [`tokens::access_token`] says what a token is.

pub mod algorithm;
pub mod events;
pub mod jwk;
mod key_manager;
pub mod key_set;
mod measure;
pub mod private;
pub mod read_model;
pub mod ring;
pub mod tokens;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use ractor::{Actor, ActorCell, ActorRef};
use serde::Serialize;

use self::key_manager::{KeyManager, KeyManagerArgs, Message};
use self::key_set::KeySet;
use self::private::signing::SigningError;
use self::private::vault::{Successor, Vault};
use self::ring::KeyRing;
use self::ring::schedule::Schedule;
use self::tokens::access_token::{Claims, TokenSubject};
use self::tokens::policy::TokenPolicy;
use self::tokens::token_error::TokenError;
use self::tokens::verified::{Seen, Verified};
use crate::base::clock::Clock;
use crate::capacity::worker_pool::{WorkError, Workers};
use crate::eventlog::cluster::follower::Observer;
use crate::eventlog::{Entities, PassingEvent};

/// Pause before a node that joins looks for the newest ring again.
const RETRY: Duration = Duration::from_millis(500);

/// This node's keys: issues and verifies access tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Key set in use. Readers take it without a lock; only the KeyManager replaces it.
    published: Arc<ArcSwap<KeySet>>,
    /// Mailbox of the KeyManager, which makes every change of the key set.
    manager: ActorRef<Message>,
    /// True while a refresh waits in the KeyManager's mailbox, so that a burst of changes queues one refresh only.
    is_refresh_due: Arc<AtomicBool>,
    /// Entity of the ring, told of versions that other processes have written.
    ring: Entities<KeyRing>,
    /// Issuer, audiences and lifetime that tokens are issued with and checked against.
    policy: Arc<TokenPolicy>,
    /// Times of rotation, which bound how long a verifier may cache the JWKS.
    schedule: Schedule,
    /// Worker threads that sign, so that a signature never holds up the runtime; their queue is bounded.
    signers: Workers<()>,
    /// Injected clock, which decides the times in a token and its expiry.
    clock: Clock,
}

/// Rule for the expiry of an access token that is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryRule {
    /// The token has to be valid at the time of the check.
    Now,
    /// An expired token is accepted too: it still names its session.
    Ever,
}

/// Reasons for which a token was not issued.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IssueError {
    /// Too many signatures wait already.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The key did not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The private half of the signing key cannot be opened on this node.
    #[error("there is no usable signing key")]
    NoKey,
}

impl Keys {
    /// Opens the key ring, makes the first key if there is none, and starts the KeyManager under `parent`.
    ///
    /// # Errors
    ///
    /// If the ring cannot be read, or its signing key does not open with this secret.
    pub async fn start(
        vault: Vault,
        policy: TokenPolicy,
        parent: &ActorCell,
    ) -> anyhow::Result<Self> {
        let published = Arc::new(ArcSwap::from_pointee(vault.begin().await?));
        let ring = vault.ring.clone();
        let signers = vault.signers.clone();
        let clock = vault.clock.clone();
        let (schedule, policy) = (vault.schedule, Arc::new(policy));
        let is_refresh_due = Arc::new(AtomicBool::new(false));
        let given = KeyManagerArgs {
            vault: Arc::new(vault),
            published: Arc::clone(&published),
            is_refresh_due: Arc::clone(&is_refresh_due),
        };
        measure::observe(&published, &clock, schedule);
        let (manager, _ends_with_the_actor) =
            Actor::spawn_linked(None, KeyManager, given, parent.clone()).await?;
        Ok(Self { published, manager, is_refresh_due, ring, policy, schedule, signers, clock })
    }

    /// Signs an access token about `subject` for an audience.
    ///
    /// # Errors
    ///
    /// If too many signatures wait already.
    pub async fn issue(&self, subject: TokenSubject, audience: &str) -> Result<String, IssueError> {
        let claims = Claims::new(&self.policy, audience, subject, self.clock.now());
        let signing = self.published.load().signing.clone().ok_or(IssueError::NoKey)?;
        Ok(self.signers.run(move |()| claims.sign(&signing)).await??)
    }

    /// Signs a security event token with these claims; returns the key id and the token.
    ///
    /// # Errors
    ///
    /// If too many signatures wait already.
    pub async fn tell(
        &self,
        claims: impl Serialize + Send + 'static,
    ) -> Result<(String, String), IssueError> {
        let signing = self.published.load().signing.clone().ok_or(IssueError::NoKey)?;
        let kid = signing.kid.clone();
        let token = self.signers.run(move |()| signing.sign_event(&claims)).await??;
        Ok((kid, token))
    }

    /// Returns true if this is the signing key.
    pub fn signs_with(&self, kid: &str) -> bool {
        self.published.load().signing.as_ref().is_some_and(|signing| signing.kid == kid)
    }

    /// Claims that all access tokens of this server share.
    pub fn policy(&self) -> &TokenPolicy {
        &self.policy
    }

    /// Returns the claims of an access token that this server issued; `when` says whether it may have expired. If the token
    /// names a key that this node does not know, the newest ring is awaited before the token is judged.
    ///
    /// # Errors
    ///
    /// The inner error is the reason for which the token is refused; the outer one is that of `newest_keys`.
    pub async fn verify_with<E>(
        &self,
        token: &str,
        when: ExpiryRule,
        newest_keys: impl Future<Output = Result<(), E>>,
    ) -> Result<Result<Verified, TokenError>, E> {
        let (mut verified, seen) = self.remembered(token);
        if verified == Err(TokenError::UnknownKey) {
            newest_keys.await?;
            verified = self.remembered(token).0;
        }
        let judged = match when {
            ExpiryRule::Now => verified.and_then(|verified| verified.at(self.clock.now())),
            ExpiryRule::Ever => verified,
        };
        measure::verified(judged.as_ref().err().copied(), seen);
        Ok(judged)
    }

    /// Verifies a token again with the keys as they are now, after `verify_with` accepted it. Expiry is not checked, and the
    /// verification is not counted a second time.
    ///
    /// # Errors
    ///
    /// Fails with the reason for which the keys no longer vouch for the token.
    pub fn vouch(&self, token: &str) -> Result<Verified, TokenError> {
        self.remembered(token).0
    }

    fn remembered(&self, token: &str) -> (Result<Verified, TokenError>, Seen) {
        let keys = self.published.load();
        keys.verified.get_or(token, || tokens::access_token::verify(token, &keys, &self.policy))
    }

    /// Loads the ring if another process has written it up to `version`; returns true if that version is in use now.
    pub async fn require(&self, version: i64) -> bool {
        version <= self.published.load().version || self.catch_up().await
    }

    /// Has the newest ring loaded; returns true if it is in use.
    async fn catch_up(&self) -> bool {
        // A KeyManager that is gone takes the process with it.
        ractor::call!(self.manager, Message::CatchUp).unwrap_or(false)
    }

    /// Longest time for which a verifier may cache the JWKS.
    pub fn jwks_max_age(&self) -> Duration {
        self.schedule.jwks_max_age()
    }

    /// Lifetime of an access token, in seconds.
    pub fn expires_in(&self) -> u64 {
        self.policy.lifetime.as_secs()
    }

    /// Key set in use on this node.
    pub fn key_set(&self) -> Arc<KeySet> {
        self.published.load_full()
    }

    /// Waits until the ring's entity has finished the commands it has accepted.
    pub async fn drain(&self) {
        self.ring.drain().await;
    }

    /// Publishes the successor of the signing key, if none is published yet.
    ///
    /// # Errors
    ///
    /// If the ring cannot be changed.
    pub async fn rotate(&self) -> anyhow::Result<Successor> {
        Ok(ractor::call!(self.manager, Message::Rotate)??)
    }

    /// Takes a key out at once, with every token it signed. If it was the signing key, returns the key id of its replacement.
    ///
    /// # Errors
    ///
    /// If there is no such key or the ring cannot be changed.
    pub async fn revoke(&self, kid: &str) -> anyhow::Result<Option<String>> {
        Ok(ractor::call!(self.manager, Message::Revoke, kid.to_owned())??)
    }
}

/// Follows changes of the ring that other processes commit.
impl Observer for Keys {
    fn observe(&self, event: &PassingEvent<'_>) {
        if event.stream == private::vault::stream().as_str() {
            self.ring.require(&private::vault::stream(), event.version);
            if !self.is_refresh_due.swap(true, Ordering::AcqRel) {
                // A KeyManager that is gone takes the process with it.
                let _ = self.manager.cast(Message::Refresh);
            }
        }
    }

    fn settled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            // Until then this node may vouch for a key that was revoked.
            while !self.catch_up().await {
                tokio::time::sleep(RETRY).await;
            }
        })
    }
}
