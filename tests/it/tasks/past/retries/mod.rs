//! Concurrent clients that give up and send again, on either of two nodes, against a model.

mod model;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use self::model::{Command, Model, Task};
use super::random::Random;
use super::{get, id, tasks, text};
use crate::support::app::{Reply, number, two_servers, v};
use crate::support::locked::Locked;
use crate::support::user::TestUser;

const CLIENTS: u64 = 6;
const REQUESTS: usize = 30;

/// A request that was answered with success: its commands, and the last version it made, if the answer has one.
struct Done {
    commands: Vec<Command>,
    version: Option<i64>,
}

struct Client {
    number: u64,
    views: Vec<TestUser>,
    random: Random,
    /// Tasks that this client created and no other client changes.
    own: Vec<(String, Task)>,
    sent: usize,
    done: Vec<Done>,
}

impl Client {
    fn new(number: u64, seed: u64, views: &[TestUser]) -> Self {
        let random = Random::new(seed * 1_000 + number);
        Self { number, views: views.to_vec(), random, own: Vec::new(), sent: 0, done: Vec::new() }
    }

    async fn run(mut self) -> Vec<Done> {
        for _ in 0..REQUESTS {
            match self.random.below(6) {
                _ if self.own.len() < 2 => self.create().await,
                0 => self.create().await,
                1 => self.rename().await,
                2 => self.complete().await,
                3 => self.relocate().await,
                4 => self.delete().await,
                _ => self.batch().await,
            }
        }
        self.done
    }

    /// Sends a request until it is answered, each time to some node, and mostly without waiting for the answer.
    async fn persist(&mut self, method: Method, rest: &str, body: Option<Value>) -> Reply {
        self.sent += 1;
        let key = format!("\"client-{}-request-{}\"", self.number, self.sent);
        for attempt in 0.. {
            let user = self.random.pick(&self.views);
            let request = user.request(method.clone(), &user.tasks(rest));
            let request = request.header("idempotency-key", &key);
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            let patience = self.random.below(16 << attempt.min(8));
            let patience = Duration::from_millis(u64::try_from(patience).unwrap());
            let Ok(reply) = tokio::time::timeout(patience, request.send()).await else { continue };
            let is_in_use = || reply.json()["code"] == "IDEMPOTENCY_KEY_IN_USE";
            if reply.status != 503 && !(reply.status == 409 && is_in_use()) {
                assert!(reply.status.is_success(), "{key}: {}", reply.text);
                return reply;
            }
        }
        unreachable!("it is sent for ever")
    }

    fn title(&self) -> String {
        format!("client {} after {}", self.number, self.sent)
    }

    fn pick(&mut self) -> usize {
        self.random.below(self.own.len())
    }

    fn answered(&mut self, commands: Vec<Command>, body: &Value) {
        self.done.push(Done {
            commands,
            version: body["version"].as_str().map(|_| number(&body["version"])),
        });
    }

    async fn create(&mut self) {
        let task = Task { title: self.title(), completed: self.random.flip() };
        let body = json!({"title": task.title, "completed": task.completed});
        let made = self.persist(Method::POST, "", Some(body)).await.expect(201);
        self.answered(vec![Command::Create(id(&made).to_owned(), task.clone())], &made);
        self.own.push((id(&made).to_owned(), task));
    }

    async fn rename(&mut self) {
        let (index, title) = (self.pick(), self.title());
        self.own[index].1.title.clone_from(&title);
        let task = self.own[index].0.clone();
        let body = Some(json!({"title": title}));
        let reply = self.persist(Method::PATCH, &format!("/{task}"), body).await.expect(200);
        assert_eq!(reply["title"], json!(title));
        self.answered(vec![Command::Rename(task, title)], &reply);
    }

    async fn complete(&mut self) {
        let (index, completed) = (self.pick(), self.random.flip());
        self.own[index].1.completed = completed;
        let task = self.own[index].0.clone();
        let body = Some(json!({"completed": completed}));
        let reply = self.persist(Method::PATCH, &format!("/{task}"), body).await.expect(200);
        self.answered(vec![Command::Complete(task, completed)], &reply);
    }

    async fn relocate(&mut self) {
        let (one, other) = (self.pick(), self.pick());
        let (task, other) = (self.own[one].0.clone(), self.own[other].0.clone());
        let is_before = self.random.flip();
        let body = json!({(if is_before { "before" } else { "after" }): other});
        let path = format!("/{task}/move");
        let reply = self.persist(Method::POST, &path, Some(body)).await.expect(200);
        self.answered(vec![Command::Move(task, other, is_before)], &reply);
    }

    async fn delete(&mut self) {
        let index = self.pick();
        let (task, _) = self.own.swap_remove(index);
        self.persist(Method::DELETE, &format!("/{task}"), None).await.expect(204);
        self.answered(vec![Command::Delete(task)], &Value::Null);
    }

    /// A task is added, one renamed and one deleted, all at once.
    async fn batch(&mut self) {
        let (index, title) = (self.pick(), self.title());
        let (gone, _) = self.own.swap_remove(index);
        let renamed = self.pick();
        self.own[renamed].1.title.clone_from(&title);
        let renamed = self.own[renamed].0.clone();
        let task = Task { title: title.clone(), completed: false };
        let body = json!({"commands": [
            {"op": "create", "task": {"title": title}},
            {"op": "change", "id": renamed, "changes": {"title": title}},
            {"op": "delete", "id": gone},
        ]});
        let reply = self.persist(Method::POST, "/batch", Some(body)).await.expect(200);
        let made = text(&reply["results"][0]["id"]).to_owned();
        self.own.push((made.clone(), task.clone()));
        let commands = vec![
            Command::Create(made, task),
            Command::Rename(renamed, title),
            Command::Delete(gone),
        ];
        self.answered(commands, &reply);
    }
}

/// The commands in the order of the versions they made. One that changed nothing made none.
async fn in_order(ada: &TestUser, done: Vec<Done>) -> BTreeMap<i64, Command> {
    let mut ordered = BTreeMap::new();
    for Done { commands, version } in done {
        let last = match (version, &commands[0]) {
            (Some(version), _) => version,
            (None, Command::Delete(task)) => {
                let history = get(ada, &format!("/{task}/history?limit=1")).await;
                assert_eq!(history["changes"][0]["type"], "deleted");
                number(&history["changes"][0]["version"])
            }
            (None, other) => unreachable!("{other:?} is answered with its version"),
        };
        let first = last + 1 - i64::try_from(commands.len()).unwrap();
        for (version, command) in (first..).zip(commands) {
            // The requests of a client are in order: a request that is answered with the version of an earlier one for this
            // task changed nothing.
            let task = command.task().to_owned();
            assert_eq!(ordered.entry(version).or_insert(command).task(), task);
        }
    }
    ordered
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_give_up_and_send_again_is_done_once_and_what_is_answered_is_never_lost() {
    let (first, second) = two_servers().await;
    for seed in [1, 2] {
        let ada = first.sign_up(&format!("ada{seed}@example.com")).await;
        let views = [ada.at(&first.url()), ada.at(&second.url())];
        let clients = (0..CLIENTS).map(|number| Client::new(number, seed, &views).run());
        let done: Vec<Done> = join_all(clients).await.into_iter().flatten().collect();
        let ordered = in_order(&ada, done).await;

        // Every version was made by exactly one command.
        let (mut model, mut version) = (Model::default(), 0);
        for (made, command) in &ordered {
            version += 1;
            assert_eq!((*made, model.run(command)), (version, true), "seed {seed}: {command:?}");
        }
        for view in &views {
            let page = get(view, "?limit=1000&sort=position").await;
            assert_eq!(page["version"], v(version), "seed {seed}");
            let order: Vec<_> = tasks(&page).iter().map(|task| id(task).to_owned()).collect();
            let kept = tasks(&page).iter().map(|task| {
                let (title, completed) = (text(&task["title"]).to_owned(), &task["completed"]);
                (id(task).to_owned(), Task { title, completed: completed.as_bool().unwrap() })
            });
            let found = Model { tasks: kept.collect(), order };
            assert_eq!(found, model, "seed {seed}");
        }
        let events = format!("select count(*)::text from events where stream = 'tasks-{}'", ada.id);
        assert_eq!(first.query_text(&events).await, version.to_string(), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_two_nodes_carry_out_at_once_is_done_once_and_both_answer_that_it_is_done() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let views = [ada.at(&first.url()), ada.at(&second.url())];
    for round in 0..3 {
        let milk = ada.create_task("Milk").await;
        let tag = format!("\"{}\"", text(&milk["version"]));
        let path = format!("/{}", id(&milk));
        let (method, rest, body) = match round {
            0 => (Method::DELETE, path, None),
            1 => (Method::PATCH, path, Some(json!({"title": "Oat milk"}))),
            _ => (Method::POST, "/undo".to_owned(), None),
        };
        let send = |user: &TestUser| {
            let request = user.request(method.clone(), &user.tasks(&rest));
            let request = request.header("idempotency-key", &format!("\"{round}\""));
            let request = request.header("if-match", &tag);
            match &body {
                Some(body) => request.json(body),
                None => request,
            }
            .send()
        };
        // Both nodes have decided before either can write.
        let lock = Locked::new(&first.connection()).await;
        let release = async {
            lock.is_waited_for(2).await;
            lock.release().await;
        };
        let (one, other, ()) = tokio::join!(send(&views[0]), send(&views[1]), release);
        assert!(one.status.is_success(), "{round}: {}", one.text);
        assert_eq!((one.status, &one.text), (other.status, &other.text), "{round}");
        let version = v(number(&milk["version"]) + 1);
        assert_eq!(get(&ada, "").await["version"], version, "{round}: done once");
    }
}
