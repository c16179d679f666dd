//! The KeyManager: the actor that owns this node's key set.
//!
//! It is an actor of its own because it owns more than the key ring's entity does: the opened private key and the
//! published [`KeySet`]. Rotations go through it one at a time, and when another process changes the ring it opens the
//! new set. Readers take the published set without sending it a message; signing runs on a worker pool, never in its
//! message loop.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::key_set::KeySet;
use super::vault::{Vault, VaultError};

/// How long to wait before the ring is read again after the database was away.
const RETRY: Duration = Duration::from_millis(500);

/// What the KeyManager is asked.
#[derive(Debug)]
pub(super) enum Message {
    /// Make a new key sign; answers its key id.
    Rotate(RpcReplyPort<Result<String, VaultError>>),
    /// Take a key out at once; answers the key id of the one that signs instead, if it signed.
    Revoke(String, RpcReplyPort<Result<Option<String>, VaultError>>),
    /// Another process changed the ring.
    Refresh,
    /// Asks the database whether the ring has changed; answers when the newest one is in use.
    CatchUp(RpcReplyPort<()>),
    /// Answers when everything that was sent before is done.
    Settle(RpcReplyPort<()>),
}

/// The actor type.
#[derive(Debug)]
pub(super) struct KeyManager;

/// What the KeyManager owns.
pub(super) struct Owned {
    pub(super) vault: Vault,
    pub(super) published: Arc<ArcSwap<KeySet>>,
}

impl Actor for KeyManager {
    type Msg = Message;
    type State = Owned;
    type Arguments = Owned;

    async fn pre_start(
        &self,
        _myself: ActorRef<Message>,
        owned: Owned,
    ) -> Result<Owned, ActorProcessingErr> {
        Ok(owned)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        owned: &mut Owned,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Rotate(reply) => {
                let rotated = owned.vault.rotate().await;
                owned.refresh(&myself).await;
                let _ = reply.send(rotated);
            }
            Message::Revoke(kid, reply) => {
                let revoked = owned.vault.revoke(&kid).await;
                owned.refresh(&myself).await;
                let _ = reply.send(revoked);
            }
            Message::Refresh => owned.refresh(&myself).await,
            Message::CatchUp(reply) => {
                owned.catch_up(&myself).await;
                let _ = reply.send(());
            }
            Message::Settle(reply) => {
                let _ = reply.send(());
            }
        }
        Ok(())
    }
}

impl Owned {
    /// Somebody presents a key this node does not know: nonsense, unless the ring has changed since.
    async fn catch_up(&self, myself: &ActorRef<Message>) {
        match self.vault.has_changed(self.published.load().version).await {
            Ok(true) => self.refresh(myself).await,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the key ring cannot be asked for its version"),
        }
    }

    /// Publishes the ring as it is now; tries again later when it cannot be read.
    async fn refresh(&self, myself: &ActorRef<Message>) {
        match self.vault.load().await {
            Ok(keys) => {
                if keys.signing.kid != self.published.load().signing.kid {
                    tracing::info!(kid = %keys.signing.kid, "a new key signs");
                }
                self.published.store(Arc::new(keys));
            }
            Err(error) => {
                tracing::error!(%error, "the key ring cannot be read; the old key set stays in use");
                drop(myself.send_after(RETRY, || Message::Refresh));
            }
        }
    }
}
