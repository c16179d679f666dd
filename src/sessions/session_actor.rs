//! The SessionActor: it owns this node's table of sessions for as long as the node lives, and forgets what is over.
//!
//! Commands, look-ups and the follower change the table directly, as each change is one atomic step: an actor between them
//! would order nothing and queue everything. What is left to somebody is the sweep: once a minute, in steps that hold a
//! lock for a moment each, ends are forgotten that no access token outlives. Its mailbox holds nothing but that.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::table::SessionTable;
use crate::base::clock::Clock;

/// How often what is over is forgotten.
const SWEEP: Duration = Duration::from_mins(1);
/// Most ends that one step of a sweep forgets under one lock.
const STEP: usize = 256;
/// How much longer than a token's lifetime its session's end is remembered, if there is room.
const LENIENCY: Duration = Duration::from_mins(1);

/// The time for a sweep.
#[derive(Debug)]
pub(super) struct Sweep;

/// The actor type.
#[derive(Debug)]
pub(super) struct SessionActor;

/// What the SessionActor owns.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) table: Arc<SessionTable>,
    pub(super) clock: Clock,
    /// How long an access token outlives its issue.
    pub(super) token_lifetime: Duration,
}

impl Actor for SessionActor {
    type Msg = Sweep;
    type State = Owned;
    type Arguments = Owned;

    async fn pre_start(
        &self,
        myself: ActorRef<Sweep>,
        owned: Owned,
    ) -> Result<Owned, ActorProcessingErr> {
        // Ends with the actor.
        drop(myself.send_interval(SWEEP, || Sweep));
        Ok(owned)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Sweep>,
        _sweep: Sweep,
        owned: &mut Owned,
    ) -> Result<(), ActorProcessingErr> {
        let until = owned.clock.now().before(owned.token_lifetime + LENIENCY);
        while owned.table.forget(until, STEP) > 0 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
