//! A simulated user: an account, its sessions, and all operations on them, each of which is recorded.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::checker::history::{self, Action, Digest, Outcome, SessionAct};
use crate::clients::world::{Ask, Credential, Door, PATIENCE, Reply, World};

/// Password of every user.
const PASSWORD: &str = "correct horse battery staple";

/// Age at which an access token is renewed, well before it expires after 15 minutes.
const TOKEN_AGE: Duration = Duration::from_mins(8);

/// A user with an account.
#[derive(Debug)]
pub struct Person {
    /// Number of the user, under which the list is recorded.
    pub number: usize,
    /// User id.
    pub id: String,
    email: String,
}

/// A session of the user, with its credentials.
#[derive(Debug)]
pub struct Login {
    /// Number of the session in the records.
    number: u32,
    session_token: String,
    access_token: Mutex<(String, Instant)>,
}

impl Login {
    /// Current access token.
    pub fn access_token(&self) -> String {
        self.lock().0.clone()
    }

    fn is_old(&self) -> bool {
        self.lock().1.elapsed() > TOKEN_AGE
    }

    fn lock(&self) -> MutexGuard<'_, (String, Instant)> {
        self.access_token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Person {
    /// Signs up a user.
    ///
    /// # Errors
    ///
    /// If the sign-up fails: no fault has been injected yet.
    pub async fn sign_up(world: &World, number: usize) -> anyhow::Result<Self> {
        let email = format!("{}@example.com", crate::fresh_name());
        let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
        let ask = Ask::new(Method::POST, "/api/auth/signup", Credential::None).with(body);
        let reply = world.send(Door::InTurn, ask).await;
        ensure!(reply.status() == Some(201), "a sign-up was answered with {reply:?}");
        let id = text(reply.body(), "/user/id").context("a sign-up without an id")?;
        Ok(Self { number, id, email })
    }

    /// Signs in; `None` if that fails.
    pub async fn sign_in(&self, world: &World, door: Door) -> Option<Login> {
        let body = json!({"email": self.email, "password": PASSWORD});
        let ask = Ask::new(Method::POST, "/api/auth/signin", Credential::None).with(body);
        let reply = world.send(door, ask).await;
        let session_token = text(reply.body(), "/session/token")?;
        let access_token = Mutex::new((text(reply.body(), "/token")?, Instant::now()));
        Some(Login { number: world.recorder.next_session(), session_token, access_token })
    }

    /// Signs out of a session.
    pub async fn sign_out(&self, world: &World, door: Door, login: &Login) -> Reply {
        let credential = Credential::Bearer(&login.session_token);
        let ask = Ask::new(Method::POST, "/api/auth/signout", credential);
        let reply = world.send(door, ask).await;
        world.recorder.session(login.number, reply.span, SessionAct::SignOut(reply.outcome()));
        reply
    }

    /// Reads the whole list with an access token.
    pub async fn list(
        &self,
        world: &World,
        door: Door,
        login: &Login,
        patience: Duration,
    ) -> Reply {
        let path = format!("/api/{}/tasks?limit=1000", self.id);
        let token = login.access_token();
        let ask = Ask::new(Method::GET, &path, Credential::Bearer(&token)).within(patience);
        let reply = world.send(door, ask).await;
        note_use(world, login, &reply);
        if let Some(tasks) = reply.body().get("tasks").and_then(Value::as_array) {
            let tasks = tasks.iter().filter_map(|task| Some((id_of(task)?, value_of(task)?)));
            world.recorder.task(self.number, reply.span, Action::SawList(Digest::of(tasks)));
        }
        reply
    }

    /// Reads one task.
    pub async fn read(&self, world: &World, door: Door, login: &Login, task: Uuid) -> Reply {
        let reply = self.ask(world, door, login, Method::GET, Some(task), None).await;
        match reply.status() {
            Some(200) => {
                let seen = Action::SawTask(task, value_of(reply.body()));
                world.recorder.task(self.number, reply.span, seen);
            }
            Some(_) | None => self.note_absence(world, &reply, task),
        }
        reply
    }

    /// Creates a task; returns its id if the creation was acknowledged.
    pub async fn create(&self, world: &World, door: Door, login: &Login) -> Option<Uuid> {
        let value = world.recorder.next_value();
        let body = json!({"title": title(value)});
        let reply = self.ask(world, door, login, Method::POST, None, Some(body)).await;
        world.recorder.task(self.number, reply.span, Action::Write(value, reply.outcome()));
        (reply.outcome() == Outcome::Done).then(|| id_of(reply.body())).flatten()
    }

    /// Gives a task a new value.
    pub async fn change(
        &self,
        world: &World,
        door: Door,
        login: &Login,
        task: Uuid,
        method: Method,
    ) -> Reply {
        let value = world.recorder.next_value();
        let body = json!({"title": title(value)});
        let reply = self.ask(world, door, login, method, Some(task), Some(body)).await;
        world.recorder.task(self.number, reply.span, Action::Write(value, reply.outcome()));
        self.note_absence(world, &reply, task);
        reply
    }

    /// Deletes a task.
    pub async fn delete(&self, world: &World, door: Door, login: &Login, task: Uuid) -> Reply {
        let reply = self.ask(world, door, login, Method::DELETE, Some(task), None).await;
        world.recorder.task(self.number, reply.span, Action::Delete(task, reply.outcome()));
        self.note_absence(world, &reply, task);
        reply
    }

    /// Reads the current session with the cookie.
    pub async fn session(
        &self,
        world: &World,
        door: Door,
        login: &Login,
        patience: Duration,
    ) -> Reply {
        let cookie = Credential::Cookie(&login.session_token);
        let ask = Ask::new(Method::GET, "/api/auth/session", cookie).within(patience);
        let reply = world.send(door, ask).await;
        note_use(world, login, &reply);
        reply
    }

    /// Fetches a new access token, which is used from then on.
    pub async fn refresh(&self, world: &World, door: Door, login: &Login) -> Reply {
        let credential = Credential::Bearer(&login.session_token);
        let reply = world.send(door, Ask::new(Method::GET, "/api/auth/token", credential)).await;
        note_use(world, login, &reply);
        if let Some(token) = text(reply.body(), "/token") {
            *login.lock() = (token, Instant::now());
        }
        reply
    }

    /// Renews an access token that is about to expire.
    pub async fn keep_fresh(&self, world: &World, door: Door, login: &Login) {
        if login.is_old() {
            self.refresh(world, door, login).await;
        }
    }

    async fn ask(
        &self,
        world: &World,
        door: Door,
        login: &Login,
        method: Method,
        task: Option<Uuid>,
        body: Option<Value>,
    ) -> Reply {
        let task = task.map(|task| format!("/{task}")).unwrap_or_default();
        let path = format!("/api/{}/tasks{task}", self.id);
        let token = login.access_token();
        let credential = Credential::Bearer(&token);
        let ask = Ask { method, path: &path, credential, body, patience: PATIENCE };
        let reply = world.send(door, ask).await;
        note_use(world, login, &reply);
        reply
    }

    /// Records a 404 for a task as an observation that the task does not exist.
    fn note_absence(&self, world: &World, reply: &Reply, task: Uuid) {
        if reply.status() == Some(404) && reply.code() == "TASK_NOT_FOUND" {
            world.recorder.task(self.number, reply.span, Action::SawTask(task, None));
        }
    }
}

fn note_use(world: &World, login: &Login, reply: &Reply) {
    if reply.is_accepted() {
        world.recorder.session(login.number, reply.span, SessionAct::Accepted);
    } else if reply.is_refused() {
        world.recorder.session(login.number, reply.span, SessionAct::Refused);
    }
}

/// Title of a task with this value.
fn title(value: history::Value) -> String {
    format!("v{value}")
}

/// Value in a task's title.
pub fn value(title: &str) -> Option<history::Value> {
    title.strip_prefix('v')?.parse().ok()
}

fn value_of(task: &Value) -> Option<history::Value> {
    value(task.get("title")?.as_str()?)
}

fn id_of(task: &Value) -> Option<Uuid> {
    task.get("id")?.as_str()?.parse().ok()
}

fn text(body: &Value, pointer: &str) -> Option<String> {
    body.pointer(pointer)?.as_str().map(str::to_owned)
}
