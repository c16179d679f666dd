//! Clients under continuous load: each makes one request after the other, several share a user, and some share a session.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::checker::history::Outcome;
use crate::clients::person::{Login, Person};
use crate::clients::random::Random;
use crate::clients::world::{Door, PATIENCE, World};

/// Clients per user: most users have one, some have several, which share the user's sessions.
const CLIENTS: [usize; 8] = [1, 1, 1, 2, 2, 3, 3, 4];
/// Number of tasks above which a client deletes instead of creating.
const TASKS: usize = 12;
/// Ended sessions of a user whose credentials are tried repeatedly.
const REMEMBERED: usize = 24;

/// The running clients.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
    /// Users of the run, whose histories are checked.
    pub users: Vec<Arc<User>>,
}

/// A user and the state shared by the user's clients.
#[derive(Debug)]
pub struct User {
    /// Account of the user.
    pub person: Person,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    live: Vec<Arc<Login>>,
    ended: Vec<Arc<Login>>,
    tasks: Vec<Uuid>,
}

impl User {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions that were signed out of, as far as the clients know.
    pub fn ended(&self) -> Vec<Arc<Login>> {
        self.known().ended.clone()
    }
}

impl Load {
    /// Signs up all users and starts their clients.
    ///
    /// # Errors
    ///
    /// If a sign-up fails.
    pub async fn begin(world: &Arc<World>) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut load = Self { stop, clients: JoinSet::new(), users: Vec::new() };
        for (number, clients) in CLIENTS.into_iter().enumerate() {
            let person = Person::sign_up(world, number).await?;
            let user = Arc::new(User { person, known: Mutex::default() });
            for client in 0..clients {
                let random = Random::new((number * 100 + client) as u64);
                let (world, user) = (Arc::clone(world), Arc::clone(&user));
                let mut client = Client { world, user, random };
                let stop = Arc::clone(&load.stop);
                load.clients.spawn(async move {
                    while !stop.load(Ordering::Acquire) {
                        client.act().await;
                    }
                });
            }
            load.users.push(user);
        }
        Ok(load)
    }

    /// Total number of clients.
    pub fn clients() -> usize {
        CLIENTS.iter().sum()
    }

    /// Stops all clients after their current operation.
    pub async fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        while self.clients.join_next().await.is_some() {}
    }
}

struct Client {
    world: Arc<World>,
    user: Arc<User>,
    random: Random,
}

impl Client {
    /// Makes one random operation, then pauses.
    async fn act(&mut self) {
        let door = self.door();
        if let Some(login) = self.login(door).await {
            self.user.person.keep_fresh(&self.world, door, &login).await;
            match self.random.below(100) {
                0..28 => drop(self.user.person.list(&self.world, door, &login, PATIENCE).await),
                28..40 => self.read(door, &login).await,
                40..64 => self.change(door, &login).await,
                64..76 => self.create_or_delete(door, &login).await,
                76..84 => drop(self.user.person.session(&self.world, door, &login, PATIENCE).await),
                84..88 => drop(self.user.person.refresh(&self.world, door, &login).await),
                88..97 => self.try_ended(door).await,
                _ => self.sign_out(door, login).await,
            }
        }
        tokio::time::sleep(Duration::from_millis(10 + self.random.below(60))).await;
    }

    fn door(&mut self) -> Door {
        let nodes = self.world.addresses.nodes.len() as u64;
        match self.random.below(10) {
            0..4 => Door::InTurn,
            4..6 => Door::ByUser,
            _ => Door::Node(usize::try_from(self.random.below(nodes)).unwrap_or(0)),
        }
    }

    /// One of the user's two sessions, or a new one if one is missing.
    async fn login(&mut self, door: Door) -> Option<Arc<Login>> {
        let live = self.user.known().live.clone();
        if live.len() >= 2 {
            return self.random.pick(&live).cloned();
        }
        let login = Arc::new(self.user.person.sign_in(&self.world, door).await?);
        self.user.known().live.push(Arc::clone(&login));
        Some(login)
    }

    fn task(&mut self) -> Option<Uuid> {
        let tasks = self.user.known().tasks.clone();
        self.random.pick(&tasks).copied()
    }

    async fn read(&mut self, door: Door, login: &Login) {
        if let Some(task) = self.task() {
            self.user.person.read(&self.world, door, login, task).await;
        }
    }

    async fn change(&mut self, door: Door, login: &Login) {
        if let Some(task) = self.task() {
            let method = if self.random.below(4) == 0 { Method::PUT } else { Method::PATCH };
            self.user.person.change(&self.world, door, login, task, method).await;
        }
    }

    async fn create_or_delete(&mut self, door: Door, login: &Login) {
        let count = self.user.known().tasks.len() as u64;
        // Keeps the number of tasks near its target, with creations and deletions.
        if self.random.below(TASKS as u64) >= count {
            let created = self.user.person.create(&self.world, door, login).await;
            self.user.known().tasks.extend(created);
        } else if let Some(task) = self.task() {
            self.user.person.delete(&self.world, door, login, task).await;
            // Also for an unknown outcome: the task is then no longer used.
            self.user.known().tasks.retain(|known| *known != task);
        }
    }

    /// Tries a session that was signed out of earlier: it must stay ended through every fault.
    async fn try_ended(&mut self, door: Door) {
        let ended = self.user.known().ended.clone();
        let Some(login) = self.random.pick(&ended) else { return };
        if self.random.below(2) == 0 {
            self.user.person.list(&self.world, door, login, PATIENCE).await;
        } else {
            self.user.person.session(&self.world, door, login, PATIENCE).await;
        }
    }

    /// Signs out, and at once tries both credentials through every route.
    async fn sign_out(&mut self, door: Door, login: Arc<Login>) {
        let (world, person) = (&self.world, &self.user.person);
        let reply = person.sign_out(world, door, &login).await;
        if reply.outcome() == Outcome::Failed {
            return;
        }
        {
            let mut known = self.user.known();
            known.live.retain(|live| !Arc::ptr_eq(live, &login));
            known.ended.push(Arc::clone(&login));
            let surplus = known.ended.len().saturating_sub(REMEMBERED);
            known.ended.drain(..surplus);
        }
        try_everywhere(world, person, &login).await;
    }
}

/// Tries both credentials of a session through all routes concurrently.
pub async fn try_everywhere(world: &World, person: &Person, login: &Login) {
    join_all(world.doors().into_iter().map(|door| async move {
        person.list(world, door, login, PATIENCE).await;
        person.session(world, door, login, PATIENCE).await;
    }))
    .await;
}
