//! The KeyManager: the actor that owns this node's key set.
//!
//! It is an actor of its own because it owns more than the key ring's entity does: the opened private key, the
//! published [`KeySet`] and the alarm that wakes it when the ring changes next. When another process changes the ring, it
//! opens the new set. Readers take the published set without sending it a message; making keys and signing run beside its
//! message loop.
//!
//! Every node wakes for every change, and the ring makes it once: whoever comes second finds it done.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::task::AbortHandle;

use super::key_set::KeySet;
use super::private::vault::{Successor, Vault, VaultError};
use crate::base::clock::{Clock, Timestamp};

/// How long to wait before the ring is read again after the database was away.
const RETRY: Duration = Duration::from_millis(500);
/// How long to wait before what is due is tried again.
const RETRY_ADVANCE: Duration = Duration::from_secs(5);

/// What the KeyManager is asked.
#[derive(Debug)]
pub(super) enum Message {
    /// Publish the key that signs next.
    Rotate(RpcReplyPort<Result<Successor, VaultError>>),
    /// Take a key out at once; answers the key id of the one that signs instead, if it signed.
    Revoke(String, RpcReplyPort<Result<Option<String>, VaultError>>),
    /// Another process changed the ring.
    Refresh,
    /// Something is due.
    Advance,
    /// What is due could not be done.
    Postpone,
    /// Answers when the ring as it is now is in use.
    Reload(RpcReplyPort<()>),
    /// Asks the database whether the ring has changed; answers whether the newest one is in use.
    CatchUp(RpcReplyPort<bool>),
}

/// The actor type.
#[derive(Debug)]
pub(super) struct KeyManager;

/// What the KeyManager is given.
pub(super) struct Given {
    pub(super) vault: Arc<Vault>,
    pub(super) published: Arc<ArcSwap<KeySet>>,
    /// Whether the ring is about to be loaded anyway: one such message waits at a time, however often the ring changes.
    pub(super) is_refresh_due: Arc<AtomicBool>,
}

/// What the KeyManager owns.
pub(super) struct Owned {
    vault: Arc<Vault>,
    published: Arc<ArcSwap<KeySet>>,
    is_refresh_due: Arc<AtomicBool>,
    alarm: Alarm,
    /// Set while a key set cannot be loaded.
    retry: Option<Alarm>,
}

impl Actor for KeyManager {
    type Msg = Message;
    type State = Owned;
    type Arguments = Given;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        Given { vault, published, is_refresh_due }: Given,
    ) -> Result<Owned, ActorProcessingErr> {
        let alarm = Alarm::at(published.load().due, &vault.clock, &myself);
        Ok(Owned { vault, published, is_refresh_due, alarm, retry: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        owned: &mut Owned,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Rotate(reply) => {
                let vault = Arc::clone(&owned.vault);
                change(myself, async move { vault.rotate().await }, reply);
            }
            Message::Revoke(kid, reply) => {
                let vault = Arc::clone(&owned.vault);
                change(myself, async move { vault.revoke(&kid).await }, reply);
            }
            Message::Advance => owned.advance(&myself),
            Message::Postpone => owned.postpone(&myself),
            Message::Refresh => {
                // Whoever casts another one from here on knows of a later change.
                owned.is_refresh_due.store(false, Ordering::Release);
                owned.refresh(&myself).await;
            }
            Message::Reload(reply) => {
                owned.refresh(&myself).await;
                let _ = reply.send(());
            }
            Message::CatchUp(reply) => {
                let is_current = owned.catch_up(&myself).await;
                let _ = reply.send(is_current);
            }
        }
        Ok(())
    }
}

impl Owned {
    /// Does what is due, or tries again soon: the old key signs until then.
    fn advance(&mut self, myself: &ActorRef<Message>) {
        // A clock that is wrong says nothing of what is due.
        if !self.vault.clock.is_right() {
            let again = myself.send_after(RETRY_ADVANCE, || Message::Advance);
            self.alarm = Alarm(again.abort_handle());
            return;
        }
        let (vault, myself) = (Arc::clone(&self.vault), myself.clone());
        let advance = async move {
            let _ = myself.cast(advanced(vault.advance()).await);
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "ends by itself; the next alarm is set then"
        )]
        tokio::spawn(advance);
    }

    fn postpone(&mut self, myself: &ActorRef<Message>) {
        let again = self.vault.clock.now().after(RETRY_ADVANCE);
        self.alarm = Alarm::at(again, &self.vault.clock, myself);
    }

    /// Whether the newest ring is in use, after it was looked for: somebody knows a version that this node does not.
    async fn catch_up(&mut self, myself: &ActorRef<Message>) -> bool {
        let known = self.published.load().version;
        match self.vault.has_changed(known).await {
            Ok(true) => {
                self.refresh(myself).await;
                self.published.load().version > known
            }
            Ok(false) => true,
            Err(error) => {
                tracing::warn!(%error, "the key ring cannot be asked for its version");
                false
            }
        }
    }

    /// Publishes the ring as it is now; tries again later when it cannot be read.
    async fn refresh(&mut self, myself: &ActorRef<Message>) {
        let known = self.published.load().signing.clone();
        let loaded = match self.vault.load().await {
            Ok(keys) => {
                self.retry = None;
                Ok(keys)
            }
            Err(error) => {
                tracing::error!(%error, "the signing key cannot be loaded; trying again");
                let again = myself.send_after(RETRY, || Message::Refresh);
                self.retry = Some(Alarm(again.abort_handle()));
                self.vault.load_without(known).await
            }
        };
        match loaded {
            Ok(keys) => self.publish(keys, myself),
            Err(error) => tracing::error!(%error, "the key ring cannot be read"),
        }
    }

    fn publish(&mut self, keys: KeySet, myself: &ActorRef<Message>) {
        let kid = |keys: &KeySet| keys.signing.as_ref().map(|signing| signing.kid.clone());
        if kid(&keys) != kid(&self.published.load()) {
            tracing::info!(key.id = kid(&keys), "this node signs with another key");
        }
        self.alarm = Alarm::at(keys.due, &self.vault.clock, myself);
        self.published.store(Arc::new(keys));
    }
}

/// What is next after an attempt to do what is due. Also one that panics is tried again: without another alarm the ring would never
/// change again on this node.
async fn advanced(advance: impl Future<Output = Result<(), VaultError>>) -> Message {
    match AssertUnwindSafe(advance).catch_unwind().await {
        Ok(Ok(())) => Message::Refresh,
        Ok(Err(error)) => {
            tracing::error!(%error, "the key ring could not be advanced");
            Message::Postpone
        }
        Err(_panic) => {
            tracing::error!("advancing the key ring panicked");
            Message::Postpone
        }
    }
}

/// Changes the ring beside the message loop, because making a key takes a while; answers when the change is in use.
fn change<T: Send + 'static>(
    manager: ActorRef<Message>,
    change: impl Future<Output = Result<T, VaultError>> + Send + 'static,
    reply: RpcReplyPort<Result<T, VaultError>>,
) {
    let change = async move {
        let changed = change.await;
        // A KeyManager that is gone takes the process with it.
        let _ = ractor::call!(manager, Message::Reload);
        let _ = reply.send(changed);
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with the change that an operator asked for"
    )]
    tokio::spawn(change);
}

/// Wakes the KeyManager once, unless it is dropped before.
struct Alarm(AbortHandle);

impl Alarm {
    fn at(due: Timestamp, clock: &Clock, manager: &ActorRef<Message>) -> Self {
        let (clock, manager) = (clock.clone(), manager.clone());
        let ring = async move {
            clock.sleep_until(due).await;
            // A KeyManager that is gone has nothing to do any more.
            let _ = manager.cast(Message::Advance);
        };
        #[expect(clippy::disallowed_methods, reason = "ends with the alarm that its actor owns")]
        Self(tokio::spawn(ring).abort_handle())
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::ReadError;

    #[tokio::test]
    async fn what_is_due_is_tried_again_also_after_a_panic() {
        assert!(matches!(advanced(async { Ok(()) }).await, Message::Refresh));
        let failed = async { Err(VaultError::Read(ReadError::NoReply)) };
        assert!(matches!(advanced(failed).await, Message::Postpone));
        assert!(matches!(advanced(async { panic!("on purpose") }).await, Message::Postpone));
    }
}
