//! The supervisor of one kind of entity: admits entities to memory, spawns actors, replaces dead ones, passivates idle
//! ones.
//!
//! The death of an actor affects no other entity: its mailbox keeps the commands that wait and gets another actor if there
//! are any. At most the configured number of entities is in memory, and the weight of their states is limited; for a
//! further entity, those unused for the longest time are evicted first. An entity that is only read has no actor.

use std::collections::{HashMap, HashSet, VecDeque};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::actor::{Entity, EntityArgs};
use super::directory::Directory;
use super::mailbox::{Mailbox, Wake};
use super::metrics;
use crate::eventlog::log::reader::EventLog;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::published::Published;

/// Idle timeout of an entity without events, of which there is hardly anything to load.
const BLANK: Duration = Duration::from_secs(30);

/// Limits on the entities in memory: their number, idle time and snapshots.
#[derive(Debug, Clone, Copy)]
pub struct Lifespan {
    /// Most entities in memory at once.
    pub max_alive: usize,
    /// An entity unused for this long is passivated.
    pub idle_after: Duration,
    /// Least number of events between two regular snapshots.
    pub snapshot_every: u64,
}

/// Message to a supervisor.
pub(super) enum SupervisorMessage<D: Decider> {
    /// A mailbox is new, or the first command waits in it.
    Admit(Arc<Mailbox<D>>),
    /// The entity is not needed any more, and may leave before its idle timeout.
    Release(Arc<Mailbox<D>>),
    /// A command of an entity without events failed, so that there is nothing to keep.
    Blank(Arc<Mailbox<D>>),
    /// The states in memory weigh too much.
    MakeRoom,
    /// Time to passivate idle entities, at a regular interval.
    Sweep,
}

impl<D: Decider> std::fmt::Debug for SupervisorMessage<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Admit(mailbox) => f.debug_tuple("Admit").field(mailbox).finish(),
            Self::Release(mailbox) => f.debug_tuple("Release").field(mailbox).finish(),
            Self::Blank(mailbox) => f.debug_tuple("Blank").field(mailbox).finish(),
            Self::MakeRoom => f.write_str("MakeRoom"),
            Self::Sweep => f.write_str("Sweep"),
        }
    }
}

/// The actor type of every supervisor.
#[derive(Debug)]
pub(super) struct Supervisor<D>(PhantomData<fn() -> D>);

impl<D> Supervisor<D> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Arguments of a supervisor.
pub(super) struct SupervisorArgs<D: Decider> {
    /// Mailboxes, which the supervisor alone admits and removes.
    pub(super) directory: Arc<Directory<D>>,
    /// Log that each actor gets, to read its stream and to append to it.
    pub(super) log: EventLog,
    /// Limits on the number and the idle time of entities.
    pub(super) lifespan: Lifespan,
}

/// State of a supervisor.
pub(super) struct SupervisorState<D: Decider> {
    /// Arguments, kept for the life of the supervisor.
    args: SupervisorArgs<D>,
    /// Number of admitted mailboxes, at most `max_alive`.
    admitted: usize,
    /// Mailboxes with an actor, by the id under which its end is reported.
    active: HashMap<ActorId, Arc<Mailbox<D>>>,
    /// Mailboxes to be admitted or to be given an actor, first come first served.
    waiting: VecDeque<Arc<Mailbox<D>>>,
    /// Actors that were told to leave. Until all of them have, no other entity has to make room.
    leaving: HashSet<ActorId>,
}

impl<D: Decider> Actor for Supervisor<D> {
    type Msg = SupervisorMessage<D>;
    type State = SupervisorState<D>;
    type Arguments = SupervisorArgs<D>;

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMessage<D>>,
        args: SupervisorArgs<D>,
    ) -> Result<SupervisorState<D>, ActorProcessingErr> {
        let period = (args.lifespan.idle_after / 4)
            .clamp(Duration::from_millis(20), Duration::from_secs(30));
        // The timer ends with the actor.
        drop(myself.send_interval(period, || SupervisorMessage::Sweep));
        Ok(SupervisorState {
            args,
            admitted: 0,
            active: HashMap::new(),
            waiting: VecDeque::new(),
            leaving: HashSet::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage<D>>,
        message: SupervisorMessage<D>,
        state: &mut SupervisorState<D>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Admit(mailbox) => state.waiting.push_back(mailbox),
            SupervisorMessage::Release(mailbox) if mailbox.is_admitted() => {
                state.passivate(&[mailbox], &myself).await?;
            }
            SupervisorMessage::Blank(mailbox) if mailbox.is_blank() && mailbox.is_admitted() => {
                state.passivate(&[mailbox], &myself).await?;
            }
            SupervisorMessage::Release(_) | SupervisorMessage::Blank(_) => {}
            SupervisorMessage::MakeRoom => state.args.directory.told_of_excess(),
            SupervisorMessage::Sweep => state.passivate_idle(&myself).await?,
        }
        state.admit_waiting(&myself).await
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMessage<D>>,
        event: SupervisionEvent,
        state: &mut SupervisorState<D>,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(entity, _, _) => state.left(entity.get_id()),
            SupervisionEvent::ActorFailed(entity, error) => {
                state.died(entity.get_id(), &error);
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        state.admit_waiting(&myself).await
    }
}

impl<D: Decider> SupervisorState<D> {
    /// Admits every waiting mailbox, as far as there is room, and spawns an actor for those with commands.
    async fn admit_waiting(
        &mut self,
        myself: &ActorRef<SupervisorMessage<D>>,
    ) -> Result<(), ActorProcessingErr> {
        while let Some(mailbox) = self.waiting.front().map(Arc::clone) {
            if mailbox.is_closed() {
                self.waiting.pop_front();
                continue;
            }
            if !mailbox.is_admitted() {
                if !self.has_room(myself).await? {
                    break;
                }
                self.admitted += 1;
                mailbox.admit();
            }
            self.waiting.pop_front();
            if mailbox.wants_actor() {
                self.spawn(&mailbox, myself).await?;
            }
        }
        if self.args.directory.excess().is_some() && self.leaving.is_empty() {
            self.make_room(myself).await?;
        }
        self.args.directory.set_alive(self.admitted);
        Ok(())
    }

    /// Returns true if there is room for another entity. Makes some if there is none.
    async fn has_room(
        &mut self,
        myself: &ActorRef<SupervisorMessage<D>>,
    ) -> Result<bool, ActorProcessingErr> {
        if self.is_full() && self.leaving.is_empty() {
            self.make_room(myself).await?;
        }
        // Weight that no eviction can reduce is no reason to keep an entity out.
        let is_stuck = self.leaving.is_empty() && !self.is_crowded();
        Ok(!self.is_full() || is_stuck)
    }

    fn is_full(&self) -> bool {
        self.is_crowded() || self.args.directory.excess().is_some()
    }

    fn is_crowded(&self) -> bool {
        self.admitted >= self.args.lifespan.max_alive
    }

    async fn spawn(
        &mut self,
        mailbox: &Arc<Mailbox<D>>,
        myself: &ActorRef<SupervisorMessage<D>>,
    ) -> Result<(), ActorProcessingErr> {
        let hosting = EntityArgs {
            mailbox: Arc::clone(mailbox),
            log: self.args.log.clone(),
            snapshot_every: self.args.lifespan.snapshot_every,
        };
        let (actor, _ends_with_the_actor): (ActorRef<Wake>, _) =
            Actor::spawn_linked(None, Entity::<D>::new(), hosting, myself.get_cell()).await?;
        self.active.insert(actor.get_id(), Arc::clone(mailbox));
        mailbox.attach(actor);
        Ok(())
    }

    fn left(&mut self, entity: ActorId) {
        self.leaving.remove(&entity);
        if let Some(mailbox) = self.active.remove(&entity)
            && !self.retire(&mailbox)
        {
            self.waiting.push_back(mailbox);
        }
    }

    /// Takes the place of a mailbox without an actor. Returns true if it is closed; if commands wait in it, it has to be
    /// admitted again.
    fn retire(&mut self, mailbox: &Arc<Mailbox<D>>) -> bool {
        self.admitted -= 1;
        let is_closed = mailbox.close_if_unused();
        if is_closed {
            self.args.directory.remove(&mailbox.stream);
        }
        is_closed
    }

    fn died(&mut self, entity: ActorId, error: &ActorProcessingErr) {
        if let Some(mailbox) = self.active.get(&entity) {
            tracing::error!(stream.name = %mailbox.stream, %error, "entity failed; the next request restarts it");
            metrics::death::<D>();
            mailbox.forget();
        }
        self.left(entity);
    }

    async fn passivate_idle(
        &mut self,
        myself: &ActorRef<SupervisorMessage<D>>,
    ) -> Result<(), ActorProcessingErr> {
        let SupervisorArgs { directory, lifespan, .. } = &self.args;
        let now = directory.now();
        let unused_since = |patience: Duration| {
            now.checked_sub(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX))
        };
        let idle = unused_since(lifespan.idle_after);
        let blank = unused_since(lifespan.idle_after.min(BLANK));
        let mailboxes = directory.mailboxes(|mailbox| {
            let before = if mailbox.is_blank() { blank } else { idle };
            before.is_some_and(|before| mailbox.last_used() < before) && mailbox.is_admitted()
        });
        self.passivate(&mailboxes, myself).await
    }

    /// Passivates entities that were unused for the longest time: a twentieth of them, or as many as mailboxes wait; and
    /// if their states weigh too much, as large a part of them as of the weight has to go.
    async fn make_room(
        &mut self,
        myself: &ActorRef<SupervisorMessage<D>>,
    ) -> Result<(), ActorProcessingErr> {
        let mut mailboxes = self.args.directory.mailboxes(|mailbox| mailbox.is_admitted());
        let crowd = if self.is_crowded() {
            (mailboxes.len() / 20).max(self.waiting.len().min(mailboxes.len())).max(1)
        } else {
            0
        };
        let excess = self.args.directory.excess();
        let heavy = excess.map_or(0, |(excess, own)| part(mailboxes.len(), (excess, own)));
        let count = crowd.max(heavy);
        if count < mailboxes.len() {
            mailboxes.select_nth_unstable_by_key(count, |mailbox| mailbox.last_used());
            mailboxes.truncate(count);
        }
        self.passivate(&mailboxes, myself).await
    }

    /// Passivates entities. One without an actor has no command in hand; if it is worth a snapshot, an actor is spawned to
    /// take it.
    async fn passivate(
        &mut self,
        mailboxes: &[Arc<Mailbox<D>>],
        myself: &ActorRef<SupervisorMessage<D>>,
    ) -> Result<(), ActorProcessingErr> {
        for mailbox in mailboxes {
            let is_worth_leaving = |published: Arc<Published<D>>| {
                mailbox.snapshot().is_worth_leaving(published.version)
            };
            if !mailbox.has_actor() {
                if !mailbox.published().is_some_and(is_worth_leaving) {
                    // Commands that wait in it have been announced to the supervisor.
                    self.retire(mailbox);
                    continue;
                }
                self.spawn(mailbox, myself).await?;
            }
            self.leaving.extend(mailbox.passivate());
        }
        Ok(())
    }
}

/// As large a part of a number as `some` is of `all`, and at least 1.
fn part(number: usize, (some, all): (usize, usize)) -> usize {
    let part = number as u128 * some as u128 / (all as u128).max(1);
    usize::try_from(part).unwrap_or(usize::MAX).clamp(1, number.max(1))
}
