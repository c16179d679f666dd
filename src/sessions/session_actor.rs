//! The SessionActor: it owns this node's table of sessions for as long as the node lives, and sweeps old ends out of it.
//!
//! Commands, look-ups and the follower change the table directly, as each change is one atomic step: an actor between them
//! would order nothing and queue everything. The sweep is left to this actor: once a minute, in steps that hold a lock for a
//! moment each, it forgets ends that no access token outlives. Its mailbox holds nothing but that.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::table::SessionTable;
use crate::base::clock::Clock;

/// Interval between two sweeps.
const SWEEP: Duration = Duration::from_mins(1);
/// Most ends that one step of a sweep forgets under one lock.
const STEP: usize = 256;
/// Time beyond a token's lifetime for which the end of its session is remembered, if there is room.
const LENIENCY: Duration = Duration::from_mins(1);

/// Message of the timer: it is time for a sweep.
#[derive(Debug)]
pub(super) struct Sweep;

/// Marker for the actor's callbacks; its state is in [`SessionActorState`].
#[derive(Debug)]
pub(super) struct SessionActor;

/// State of the SessionActor, which does not change while it runs.
#[derive(Debug)]
pub(super) struct SessionActorState {
    /// Table that is swept, shared with the requests that read it.
    pub(super) table: Arc<SessionTable>,
    /// Injected clock, which dates the ends that are old enough.
    pub(super) clock: Clock,
    /// Lifetime of an access token, during which an end saves look-ups of its session.
    pub(super) token_lifetime: Duration,
}

impl Actor for SessionActor {
    type Msg = Sweep;
    type State = SessionActorState;
    type Arguments = SessionActorState;

    async fn pre_start(
        &self,
        myself: ActorRef<Sweep>,
        owned: SessionActorState,
    ) -> Result<SessionActorState, ActorProcessingErr> {
        // Ends with the actor.
        drop(myself.send_interval(SWEEP, || Sweep));
        Ok(owned)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Sweep>,
        _sweep: Sweep,
        owned: &mut SessionActorState,
    ) -> Result<(), ActorProcessingErr> {
        let until = owned.clock.now().before(owned.token_lifetime + LENIENCY);
        while owned.table.forget(until, STEP) > 0 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
