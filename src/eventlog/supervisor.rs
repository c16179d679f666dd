//! The supervisor of one kind of entity: seats actors, replaces dead ones, passivates idle ones.
//!
//! An entity's death concerns nobody else: its seat keeps the requests that wait and gets another actor if there are
//! any. At most the configured number of actors is alive; when a further entity is needed, those unused for the longest
//! time make room first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::decider::Decider;
use super::directory::Directory;
use super::entity::{Entity, Hosting};
use super::measure;
use super::seat::{Seat, Wake};
use super::store::EventLog;

/// How many entities are kept and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Lifespan {
    /// Most actors alive at once.
    pub max_alive: usize,
    /// An entity unused for this long is passivated.
    pub idle_after: Duration,
    /// Events between two snapshots.
    pub snapshot_every: u64,
}

/// What the supervisor is told.
pub(super) enum Supervise<D: Decider> {
    /// A new seat needs an actor.
    Seat(Arc<Seat<D>>),
    /// Nobody is about to use this entity.
    Release(Arc<Seat<D>>),
    /// Look for idle entities.
    Sweep,
}

impl<D: Decider> std::fmt::Debug for Supervise<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seat(seat) => f.debug_tuple("Seat").field(seat).finish(),
            Self::Release(seat) => f.debug_tuple("Release").field(seat).finish(),
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

/// What a supervisor is given.
pub(super) struct Supervision<D: Decider> {
    pub(super) directory: Arc<Directory<D>>,
    pub(super) log: EventLog,
    pub(super) lifespan: Lifespan,
}

/// What a supervisor knows.
pub(super) struct Supervised<D: Decider> {
    supervision: Supervision<D>,
    seated: HashMap<ActorId, Arc<Seat<D>>>,
    waiting: VecDeque<Arc<Seat<D>>>,
    leaving: HashSet<ActorId>,
}

impl<D: Decider> Actor for Supervisor<D> {
    type Msg = Supervise<D>;
    type State = Supervised<D>;
    type Arguments = Supervision<D>;

    async fn pre_start(
        &self,
        myself: ActorRef<Supervise<D>>,
        supervision: Supervision<D>,
    ) -> Result<Supervised<D>, ActorProcessingErr> {
        let period = (supervision.lifespan.idle_after / 4)
            .clamp(Duration::from_millis(20), Duration::from_secs(30));
        // Ends with the actor.
        drop(myself.send_interval(period, || Supervise::Sweep));
        Ok(Supervised {
            supervision,
            seated: HashMap::new(),
            waiting: VecDeque::new(),
            leaving: HashSet::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Supervise<D>>,
        message: Supervise<D>,
        supervised: &mut Supervised<D>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Supervise::Seat(seat) => supervised.waiting.push_back(seat),
            Supervise::Release(seat) => supervised.passivate(&[seat]),
            Supervise::Sweep => supervised.passivate_idle(),
        }
        supervised.seat_waiting(&myself).await
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Supervise<D>>,
        event: SupervisionEvent,
        supervised: &mut Supervised<D>,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(entity, _, _) => supervised.left(entity.get_id()),
            SupervisionEvent::ActorFailed(entity, error) => {
                supervised.died(entity.get_id(), &error);
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        supervised.seat_waiting(&myself).await
    }
}

impl<D: Decider> Supervised<D> {
    /// Gives an actor to every waiting seat, as far as there is room.
    async fn seat_waiting(
        &mut self,
        myself: &ActorRef<Supervise<D>>,
    ) -> Result<(), ActorProcessingErr> {
        while self.seated.len() < self.supervision.lifespan.max_alive {
            let Some(seat) = self.waiting.pop_front() else { break };
            self.spawn(seat, myself).await?;
        }
        self.supervision.directory.set_alive(self.seated.len());
        if !self.waiting.is_empty() && self.leaving.is_empty() {
            self.make_room();
        }
        Ok(())
    }

    async fn spawn(
        &mut self,
        seat: Arc<Seat<D>>,
        myself: &ActorRef<Supervise<D>>,
    ) -> Result<(), ActorProcessingErr> {
        let hosting = Hosting {
            seat: Arc::clone(&seat),
            log: self.supervision.log.clone(),
            snapshot_every: self.supervision.lifespan.snapshot_every,
        };
        let (actor, _ends_with_the_actor): (ActorRef<Wake>, _) =
            Actor::spawn_linked(None, Entity::<D>::new(), hosting, myself.get_cell()).await?;
        self.seated.insert(actor.get_id(), Arc::clone(&seat));
        seat.occupy(actor);
        Ok(())
    }

    fn left(&mut self, entity: ActorId) {
        self.leaving.remove(&entity);
        if let Some(seat) = self.seated.remove(&entity) {
            if seat.close_if_unused() {
                self.supervision.directory.remove(&seat.stream);
            } else {
                self.waiting.push_back(seat);
            }
        }
    }

    fn died(&mut self, entity: ActorId, error: &ActorProcessingErr) {
        if let Some(seat) = self.seated.get(&entity) {
            tracing::error!(stream.name = %seat.stream, %error, "an entity died; the next request starts it anew");
            measure::death::<D>();
            seat.forget();
        }
        self.left(entity);
    }

    fn passivate_idle(&mut self) {
        let idle =
            u64::try_from(self.supervision.lifespan.idle_after.as_millis()).unwrap_or(u64::MAX);
        let Some(before) = self.supervision.directory.now().checked_sub(idle) else { return };
        let seats: Vec<_> =
            self.seated.values().filter(|seat| seat.last_used() < before).cloned().collect();
        self.passivate(&seats);
    }

    /// Passivates entities that were unused for the longest time: a twentieth of them, or as many as seats wait.
    fn make_room(&mut self) {
        let mut seats: Vec<_> = self.seated.values().cloned().collect();
        let count = (seats.len() / 20).max(self.waiting.len().min(seats.len())).max(1);
        if count < seats.len() {
            seats.select_nth_unstable_by_key(count, |seat| seat.last_used());
            seats.truncate(count);
        }
        self.passivate(&seats);
    }

    fn passivate(&mut self, seats: &[Arc<Seat<D>>]) {
        for seat in seats {
            self.leaving.extend(seat.passivate());
        }
    }
}
