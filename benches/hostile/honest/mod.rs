//! Sixteen honest clients: each is a user with a short list who reads and changes it continuously and signs in again now and
//! then. They check every response against their model of the list.

mod ledger;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::ledger::{Ledger, Outcome};
use crate::people::{PASSWORD, Person};
use crate::rules::{Kind, Sample};

/// Number of honest clients.
const CLIENTS: usize = 16;
/// Tasks per list.
const TASKS: usize = 8;
/// Interval between two sign-ins of a client.
const SIGN_IN_EVERY: Duration = Duration::from_secs(8);
/// Timeout of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// Delay before a rejected request is retried.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest response time that counts as immediate.
const AT_ONCE: Duration = Duration::from_millis(200);

/// The clients and their state, running or resting.
#[derive(Debug)]
pub struct Honest {
    shared: Arc<Shared>,
    clients: JoinSet<Patron>,
    patrons: Vec<Patron>,
    work: watch::Sender<bool>,
}

/// State shared by all clients.
#[derive(Debug)]
struct Shared {
    http: Client,
    /// Client for sign-ins, which uses a new connection each time.
    stranger: Client,
    began: Instant,
    url: String,
    samples: Mutex<Vec<Sample>>,
    wrong: Mutex<Vec<String>>,
    number: AtomicUsize,
}

/// An honest client.
#[derive(Debug)]
struct Patron {
    shared: Arc<Shared>,
    person: Person,
    ledger: Ledger,
    signed_in: Instant,
}

/// Response to a request.
struct Heard {
    status: Option<u16>,
    body: Value,
    outcome: Outcome,
}

impl Honest {
    /// Signs up all clients and creates their tasks.
    ///
    /// # Errors
    ///
    /// If the server rejects a request.
    pub async fn arrive(url: &str) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            http: Client::builder().timeout(PATIENCE).build()?,
            stranger: Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build()?,
            began: Instant::now(),
            url: url.to_owned(),
            samples: Mutex::default(),
            wrong: Mutex::default(),
            number: AtomicUsize::new(0),
        });
        let mut patrons = Vec::new();
        for _ in 0..CLIENTS {
            let person = Person::sign_up(url).await?;
            let signed_in = Instant::now();
            let ledger = Ledger::default();
            let mut patron = Patron { shared: Arc::clone(&shared), person, ledger, signed_in };
            for _ in 0..TASKS {
                patron.add().await;
            }
            patrons.push(patron);
        }
        let work = watch::Sender::new(false);
        Ok(Self { shared, clients: JoinSet::new(), patrons, work })
    }

    /// Seconds since the clients were created.
    pub fn now(&self) -> f64 {
        self.shared.began.elapsed().as_secs_f64()
    }

    /// Starts all clients; they run until [`Honest::rest`].
    pub fn work(&mut self) {
        self.work.send_replace(true);
        for mut patron in self.patrons.drain(..) {
            let mut work = self.work.subscribe();
            self.clients.spawn(async move {
                while *work.borrow_and_update() {
                    patron.act().await;
                }
                patron
            });
        }
    }

    /// Stops all clients after their current operation.
    ///
    /// # Errors
    ///
    /// If a client panicked.
    pub async fn rest(&mut self) -> anyhow::Result<()> {
        self.work.send_replace(false);
        while let Some(patron) = self.clients.join_next().await {
            self.patrons.push(patron.context("an honest client panicked")?);
        }
        Ok(())
    }

    /// Samples whose response came at `since` or later.
    pub fn samples_since(&self, since: f64) -> Vec<Sample> {
        lock(&self.shared.samples).iter().filter(|sample| sample.ended >= since).copied().collect()
    }

    /// Discards all samples so far: iterating over those of a long run would take processor time from the measurement.
    pub fn forget(&self) {
        lock(&self.shared.samples).clear();
    }

    /// Takes the errors found since the last call.
    pub fn wrong(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared.wrong))
    }

    /// Returns true if one of the resting clients can change and read its list immediately.
    pub async fn is_served(&mut self) -> bool {
        let Some(patron) = self.patrons.first_mut() else { return false };
        let began = Instant::now();
        patron.rename(0).await && patron.list().await && began.elapsed() < AT_ONCE
    }

    /// Lets every client check its list once more.
    ///
    /// # Errors
    ///
    /// If a client cannot read its list.
    pub async fn look_again(&mut self) -> anyhow::Result<()> {
        for patron in &mut self.patrons {
            patron.sign_in().await;
            ensure!(patron.list().await, "a list is not shown");
        }
        Ok(())
    }
}

impl Shared {
    fn complain(&self, what: String) {
        lock(&self.wrong).push(what);
    }

    fn next(&self) -> usize {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Patron {
    async fn act(&mut self) {
        let number = self.shared.next();
        let done = match number % 16 {
            _ if self.signed_in.elapsed() > SIGN_IN_EVERY => self.sign_in().await,
            0 if self.ledger.len() < TASKS => self.add().await,
            0 => self.delete(number).await,
            1..8 => self.rename(number).await,
            _ => self.list().await,
        };
        if !done {
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn sign_in(&mut self) -> bool {
        self.signed_in = Instant::now();
        let body = json!({"email": self.person.email, "password": PASSWORD});
        let request = self.shared.stranger.post(self.shared.url("/api/auth/signin")).json(&body);
        let heard = self.send(Kind::SignIn, request, &[]).await;
        let text = |pointer| heard.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let (Some(access), Some(session)) = (text("/token"), text("/session/token")) else {
            return false;
        };
        let before = std::mem::replace(&mut self.person.session_token, session);
        self.person.access_token = access;
        // The result does not matter: the old session is not used any more.
        let old = self.shared.http.post(self.shared.url("/api/auth/signout")).bearer_auth(before);
        drop(old.send().await);
        true
    }

    async fn list(&mut self) -> bool {
        let path = format!("{}?limit=100", self.person.tasks());
        let heard = self.ask(Kind::Read, Method::GET, &path, None, &[]).await;
        let Some(tasks) = heard.body.get("tasks").and_then(Value::as_array) else { return false };
        let text = |task: &Value, name| {
            task.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let list: Vec<_> =
            tasks.iter().map(|task| (text(task, "id"), text(task, "title"))).collect();
        if let Err(wrong) = self.ledger.seen(&list) {
            self.shared.complain(wrong);
        }
        true
    }

    async fn add(&mut self) -> bool {
        let title = format!("Task {}", self.shared.next());
        let body = json!({"title": title, "description": "Two litres of the fresh one"});
        let path = self.person.tasks();
        let heard = self.ask(Kind::Write, Method::POST, &path, Some(body), &[]).await;
        let id = heard.body.get("id").and_then(Value::as_str).map(str::to_owned);
        self.ledger.added(id, &title, heard.outcome);
        heard.outcome == Outcome::Done
    }

    async fn rename(&mut self, number: usize) -> bool {
        let Some(task) = self.ledger.task(number) else { return self.add().await };
        let title = format!("Task {}", self.shared.next());
        let path = format!("{}/{task}", self.person.tasks());
        let body = Some(json!({"title": title}));
        let heard = self.ask(Kind::Write, Method::PATCH, &path, body, &[404]).await;
        let shown = heard.body.get("title").and_then(Value::as_str);
        if heard.outcome == Outcome::Done && shown != Some(title.as_str()) {
            self.shared.complain(format!("{title:?} was answered with {}", heard.body));
        }
        self.ledger.renamed(&task, &title, heard.outcome);
        self.is_there(&task, &heard) && heard.outcome == Outcome::Done
    }

    async fn delete(&mut self, number: usize) -> bool {
        let Some(task) = self.ledger.task(number) else { return self.add().await };
        let path = format!("{}/{task}", self.person.tasks());
        let heard = self.ask(Kind::Write, Method::DELETE, &path, None, &[404]).await;
        let there = self.is_there(&task, &heard);
        self.ledger.deleted(&task, heard.outcome);
        there && heard.outcome == Outcome::Done
    }

    fn is_there(&mut self, task: &str, heard: &Heard) -> bool {
        if heard.status != Some(404) {
            return true;
        }
        if let Err(wrong) = self.ledger.missing(task) {
            self.shared.complain(wrong);
        }
        false
    }

    async fn ask(
        &self,
        kind: Kind,
        method: Method,
        path: &str,
        body: Option<Value>,
        also: &[u16],
    ) -> Heard {
        let request = self.shared.http.request(method, self.shared.url(path));
        let request = request.bearer_auth(&self.person.access_token);
        let request = body.iter().fold(request, RequestBuilder::json);
        self.send(kind, request, also).await
    }

    /// Sends a request and records its latency. A response is an error unless it is a success, one of the statuses in
    /// `also`, or a statement that the server is temporarily unavailable.
    async fn send(&self, kind: Kind, request: RequestBuilder, also: &[u16]) -> Heard {
        let begun = self.shared.began.elapsed().as_secs_f64();
        let answer = answer(request).await;
        let ended = self.shared.began.elapsed().as_secs_f64();
        let (status, body) = match answer {
            Ok((status, body)) => (Some(status), body),
            Err(outcome) => {
                let done = false;
                lock(&self.shared.samples).push(Sample { kind, begun, ended, done });
                return Heard { status: None, body: Value::Null, outcome };
            }
        };
        let code = body.get("code").and_then(Value::as_str).unwrap_or_default();
        let outcome = match status {
            Some(200..=299) => Outcome::Done,
            Some(503) if code == "OUTCOME_UNKNOWN" => Outcome::Unknown,
            _ => Outcome::Refused,
        };
        let expected = |status| matches!(status, 200..=299 | 429 | 503) || also.contains(&status);
        if status.is_some_and(|status| !expected(status)) {
            self.shared.complain(format!("a {kind:?} was answered with {status:?}: {body}"));
        }
        let done = outcome == Outcome::Done || status.is_some_and(|status| also.contains(&status));
        lock(&self.shared.samples).push(Sample { kind, begun, ended, done });
        Heard { status, body, outcome }
    }
}

/// Status and body of the response; without one, the outcome that the failure implies.
async fn answer(request: RequestBuilder) -> Result<(u16, Value), Outcome> {
    let response = request.send().await;
    let unheard = |error: reqwest::Error| {
        if error.is_connect() { Outcome::Refused } else { Outcome::Unknown }
    };
    let response = response.map_err(unheard)?;
    let status = response.status().as_u16();
    let bytes = response.bytes().await.map_err(|_| Outcome::Unknown)?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
