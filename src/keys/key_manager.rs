//! The KeyManager: the actor that owns this node's key set.
//!
//! It is an actor of its own because it owns more than the key ring's entity does: the opened private key, the
//! published [`KeySet`] and the alarm that wakes it at the ring's next change. It opens the new set if another process has
//! changed the ring. Readers take the published set without sending it a message; making keys and signing run beside its
//! message loop.
//!
//! Every node wakes for every change, and the ring makes it once: a node that comes second finds it done.

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

/// Back-off before the ring is read again after the database was away.
const RETRY: Duration = Duration::from_millis(500);
/// Back-off before a change that is due is tried again.
const RETRY_ADVANCE: Duration = Duration::from_secs(5);

/// Messages of the KeyManager.
#[derive(Debug)]
pub(super) enum Message {
    /// Publishes the successor of the signing key.
    Rotate(RpcReplyPort<Result<Successor, VaultError>>),
    /// Takes a key out at once. If it was the signing key, answers the key id of its replacement.
    Revoke(String, RpcReplyPort<Result<Option<String>, VaultError>>),
    /// Another process changed the ring: load it.
    Refresh,
    /// The alarm rang: a succession or a retirement is due.
    Advance,
    /// The change that is due failed: set the alarm for another attempt.
    Postpone,
    /// Loads the ring as it is now; answers once that is done.
    Reload(RpcReplyPort<()>),
    /// Asks the database for the ring's version and loads a newer one; answers true if the newest is in use.
    CatchUp(RpcReplyPort<bool>),
}

/// Marker for the actor's callbacks; its state is in [`KeyManagerState`].
#[derive(Debug)]
pub(super) struct KeyManager;

/// Arguments with which the KeyManager starts.
pub(super) struct KeyManagerArgs {
    /// Rules and private keys, through which every change is made.
    pub(super) vault: Arc<Vault>,
    /// Key set that readers take, loaded before the actor starts.
    pub(super) published: Arc<ArcSwap<KeySet>>,
    /// True while a `Refresh` waits in the mailbox: one waits at a time, however often the ring changes.
    pub(super) is_refresh_due: Arc<AtomicBool>,
}

/// State of the KeyManager, owned by its message loop.
pub(super) struct KeyManagerState {
    /// Shared with the tasks that make keys and change the ring beside the message loop.
    vault: Arc<Vault>,
    /// Written here alone, so that a set never replaces a newer one.
    published: Arc<ArcSwap<KeySet>>,
    /// Cleared before the ring is read, so that a change committed during the read queues another refresh.
    is_refresh_due: Arc<AtomicBool>,
    /// Next time at which the ring is due to change; replaced with each key set.
    alarm: Alarm,
    /// Next attempt to load a key set, set while that fails; dropped, and so cancelled, once it succeeds.
    retry: Option<Alarm>,
}

impl Actor for KeyManager {
    type Msg = Message;
    type State = KeyManagerState;
    type Arguments = KeyManagerArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        KeyManagerArgs { vault, published, is_refresh_due }: KeyManagerArgs,
    ) -> Result<KeyManagerState, ActorProcessingErr> {
        let alarm = Alarm::at(published.load().due, &vault.clock, &myself);
        Ok(KeyManagerState { vault, published, is_refresh_due, alarm, retry: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        owned: &mut KeyManagerState,
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
                // A `Refresh` cast from here on is about a later change.
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

impl KeyManagerState {
    /// Makes the change that is due, in a task of its own, or tries again soon: the old key signs until then.
    fn advance(&mut self, myself: &ActorRef<Message>) {
        // A wrong clock says nothing about what is due.
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

    /// Asks the database for the ring's version and loads a newer one; returns true if the newest is in use.
    async fn catch_up(&mut self, myself: &ActorRef<Message>) -> bool {
        let known = self.published.load().version;
        match self.vault.has_changed(known).await {
            Ok(true) => {
                self.refresh(myself).await;
                self.published.load().version > known
            }
            Ok(false) => true,
            Err(error) => {
                tracing::warn!(%error, "failed to query the version of the key ring");
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
                tracing::error!(%error, "failed to load the signing key; retrying");
                let again = myself.send_after(RETRY, || Message::Refresh);
                self.retry = Some(Alarm(again.abort_handle()));
                self.vault.load_without(known).await
            }
        };
        match loaded {
            Ok(keys) => self.publish(keys, myself),
            Err(error) => {
                tracing::error!(%error, "failed to read the key ring; keeping the one in memory");
            }
        }
    }

    fn publish(&mut self, keys: KeySet, myself: &ActorRef<Message>) {
        let kid = |keys: &KeySet| keys.signing.as_ref().map(|signing| signing.kid.clone());
        if kid(&keys) != kid(&self.published.load()) {
            tracing::info!(key.id = kid(&keys), "signing key changed");
        }
        self.alarm = Alarm::at(keys.due, &self.vault.clock, myself);
        self.published.store(Arc::new(keys));
    }
}

/// Message that follows an attempt to make the change that is due. A panic is retried like a failure: without another
/// alarm this node would never change the ring again.
async fn advanced(advance: impl Future<Output = Result<(), VaultError>>) -> Message {
    match AssertUnwindSafe(advance).catch_unwind().await {
        Ok(Ok(())) => Message::Refresh,
        Ok(Err(error)) => {
            tracing::error!(%error, "failed to advance the key ring; retrying");
            Message::Postpone
        }
        Err(_panic) => {
            tracing::error!("panicked while advancing the key ring; retrying");
            Message::Postpone
        }
    }
}

/// Changes the ring beside the message loop, because making a key takes a while; answers once the change is in use.
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
