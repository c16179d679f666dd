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

use self::key_manager::{Given, KeyManager, Message};
use self::key_set::KeySet;
use self::private::signing::SigningError;
use self::private::vault::{Successor, Vault};
use self::ring::KeyRing;
use self::ring::schedule::Schedule;
use self::tokens::access_token::{Claims, Subject};
use self::tokens::policy::TokenPolicy;
use self::tokens::token_error::TokenError;
use self::tokens::verified::{Seen, Verified};
use crate::base::clock::Clock;
use crate::capacity::worker_pool::{WorkError, Workers};
use crate::eventlog::cluster::follower::Observer;
use crate::eventlog::{Entities, Heard};

/// How long to wait before the newest ring is looked for again.
const RETRY: Duration = Duration::from_millis(500);

/// This node's keys: issues and verifies access tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keys {
    published: Arc<ArcSwap<KeySet>>,
    manager: ActorRef<Message>,
    /// Whether the KeyManager has been told to load the ring and has not begun to.
    is_refresh_due: Arc<AtomicBool>,
    ring: Entities<KeyRing>,
    policy: Arc<TokenPolicy>,
    schedule: Schedule,
    signers: Workers<()>,
    clock: Clock,
}

/// When the time of an access token must not be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Now.
    Now,
    /// It may be: such a token still names its session.
    Ever,
}

/// An access token was not issued.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IssueError {
    /// Too many signatures wait already.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The key did not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The private half of the key that signs cannot be opened.
    #[error("no key signs for the moment")]
    NoKey,
}

impl Keys {
    /// Opens the key ring, makes the first key if there is none, and starts the KeyManager under `parent`.
    ///
    /// # Errors
    ///
    /// When the ring cannot be read, or its signing key does not open with this secret.
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
        let given = Given {
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
    /// When too many signatures wait already.
    pub async fn issue(&self, subject: Subject, audience: &str) -> Result<String, IssueError> {
        let claims = Claims::new(&self.policy, audience, subject, self.clock.now());
        let signing = self.published.load().signing.clone().ok_or(IssueError::NoKey)?;
        Ok(self.signers.run(move |()| claims.sign(&signing)).await??)
    }

    /// Signs a security event token with these claims; returns the key id too.
    ///
    /// # Errors
    ///
    /// When too many signatures wait already.
    pub async fn tell(
        &self,
        claims: impl Serialize + Send + 'static,
    ) -> Result<(String, String), IssueError> {
        let signing = self.published.load().signing.clone().ok_or(IssueError::NoKey)?;
        let kid = signing.kid.clone();
        let token = self.signers.run(move |()| signing.sign_event(&claims)).await??;
        Ok((kid, token))
    }

    /// Whether this is the key that signs.
    pub fn signs_with(&self, kid: &str) -> bool {
        self.published.load().signing.as_ref().is_some_and(|signing| signing.kid == kid)
    }

    /// What all access tokens have in common.
    pub fn policy(&self) -> &TokenPolicy {
        &self.policy
    }

    /// The claims of an access token that this server issued and that has not expired when that matters. If the token names a
    /// key that this node does not know, the newest ring is awaited before it is judged.
    ///
    /// # Errors
    ///
    /// The inner error says why it is not such a token; the outer one is that of `newest_keys`.
    pub async fn verify_with<E>(
        &self,
        token: &str,
        when: When,
        newest_keys: impl Future<Output = Result<(), E>>,
    ) -> Result<Result<Verified, TokenError>, E> {
        let (mut verified, seen) = self.remembered(token);
        if verified == Err(TokenError::UnknownKey) {
            newest_keys.await?;
            verified = self.remembered(token).0;
        }
        let judged = match when {
            When::Now => verified.and_then(|verified| verified.at(self.clock.now())),
            When::Ever => verified,
        };
        measure::verified(judged.as_ref().err().copied(), seen);
        Ok(judged)
    }

    /// What a token says that was verified before, whenever that was, as the keys are now. It is not counted again.
    ///
    /// # Errors
    ///
    /// Why the keys do not vouch for it any more.
    pub fn vouch(&self, token: &str) -> Result<Verified, TokenError> {
        self.remembered(token).0
    }

    fn remembered(&self, token: &str) -> (Result<Verified, TokenError>, Seen) {
        let keys = self.published.load();
        keys.verified.get_or(token, || tokens::access_token::verify(token, &keys, &self.policy))
    }

    /// Another process has written the key ring up to `version`: returns whether that is in use now.
    pub async fn require(&self, version: i64) -> bool {
        version <= self.published.load().version || self.catch_up().await
    }

    /// Whether the newest ring is in use, after it was looked for.
    async fn catch_up(&self) -> bool {
        // A KeyManager that is gone takes the process with it.
        ractor::call!(self.manager, Message::CatchUp).unwrap_or(false)
    }

    /// How long a verifier may keep the JWKS.
    pub fn jwks_max_age(&self) -> Duration {
        self.schedule.jwks_max_age()
    }

    /// How long an access token is valid, in seconds.
    pub fn expires_in(&self) -> u64 {
        self.policy.lifetime.as_secs()
    }

    /// The published key set.
    pub fn key_set(&self) -> Arc<KeySet> {
        self.published.load_full()
    }

    /// Lets the key ring finish what it was told.
    pub async fn drain(&self) {
        self.ring.drain().await;
    }

    /// Publishes the key that signs next, if none is published yet.
    ///
    /// # Errors
    ///
    /// When the ring cannot be changed.
    pub async fn rotate(&self) -> anyhow::Result<Successor> {
        Ok(ractor::call!(self.manager, Message::Rotate)??)
    }

    /// Takes a key out at once, with every token it signed. Returns the key id of the one that signs instead, if it signed.
    ///
    /// # Errors
    ///
    /// When there is no such key or the ring cannot be changed.
    pub async fn revoke(&self, kid: &str) -> anyhow::Result<Option<String>> {
        Ok(ractor::call!(self.manager, Message::Revoke, kid.to_owned())??)
    }
}

/// Hears that another process changed the key ring.
impl Observer for Keys {
    fn observe(&self, event: &Heard<'_>) {
        if event.stream == private::vault::stream().as_str() {
            self.ring.require(&private::vault::stream(), event.version);
            if !self.is_refresh_due.swap(true, Ordering::AcqRel) {
                // A KeyManager that is gone takes the process with it; there is nobody left to tell.
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
