//! Random changes of a list, whatever is there.

use reqwest::Method;
use serde_json::{Value, json};

use super::random::Random;
use super::{all, ask, delete, id, patch, post, tasks, text};
use crate::support::user::TestUser;

/// Changes the list, by anything that is one change.
pub(super) async fn change(user: &TestUser, random: &mut Random) {
    let before = all(user).await;
    loop {
        attempt(user, random, tasks(&before)).await;
        if all(user).await["version"] != before["version"] {
            return;
        }
    }
}

async fn attempt(user: &TestUser, random: &mut Random, tasks: &[Value]) {
    let kind = if tasks.len() < 3 { 0 } else { random.below(14) };
    match kind {
        0..=3 => {
            user.create(&new(random)).await.expect(201);
        }
        4..=6 => {
            patch(user, random.pick(tasks), wanted(random)).await;
        }
        7 | 8 => {
            let (task, other) = (random.pick(tasks), random.pick(tasks));
            let place = if random.flip() { "before" } else { "after" };
            post(user, &format!("/{}/move", id(task)), json!({place: id(other)})).await;
        }
        9 | 10 => delete(user, random.pick(tasks)).await,
        11 | 12 => {
            post(user, "/batch", batch(random, tasks)).await;
        }
        _ => import(user, random).await,
    }
}

fn word(random: &mut Random) -> &'static str {
    let words = ["apples", "bread", "cheese", "dates", "eggs", "figs"];
    words[random.below(words.len())]
}

/// A task to create.
pub(super) fn new(random: &mut Random) -> Value {
    let mut task = wanted(random);
    task["title"] = json!(word(random));
    task
}

/// Some fields of a task.
fn wanted(random: &mut Random) -> Value {
    let mut wanted = json!({});
    if random.flip() {
        wanted["title"] = json!(word(random));
    }
    if random.flip() {
        wanted["completed"] = json!(random.flip());
    }
    if random.flip() {
        wanted["priority"] = json!(random.pick(&["none", "low", "medium", "high"]));
    }
    if random.flip() {
        wanted["tags"] = json!(random.pick(&[&[][..], &["home"], &["home", "shop"]]));
    }
    if random.flip() {
        let dues = [Value::Null, json!("2026-12-24"), json!("2026-03-01T12:00:00+01:00")];
        wanted["due"] = random.pick(&dues).clone();
    }
    if random.flip() {
        wanted["description"] = random.pick(&[Value::Null, json!("two\nof them")]).clone();
    }
    wanted
}

fn batch(random: &mut Random, tasks: &[Value]) -> Value {
    let (one, other) = (random.below(tasks.len()), random.below(tasks.len()));
    let mut commands = vec![
        json!({"op": "create", "task": new(random)}),
        json!({"op": "change", "id": id(&tasks[one]), "changes": wanted(random)}),
        json!({"op": "move", "id": id(&tasks[one]), "after": id(&tasks[other])}),
    ];
    if random.flip() {
        commands.push(json!({"op": "delete", "id": id(&tasks[other])}));
    }
    if random.flip() {
        commands.push(json!({"op": "restore", "id": id(&tasks[other])}));
    }
    json!({"commands": commands})
}

/// Imports the list with changes, and new tasks.
async fn import(user: &TestUser, random: &mut Random) {
    let mut file = ask(user, Method::GET, "/export", None).await.expect(200);
    let tasks = file["tasks"].as_array_mut().unwrap();
    for task in tasks.iter_mut() {
        if random.below(4) == 0 {
            task["title"] = json!(format!("{} again", text(&task["title"])));
        }
    }
    tasks.push(json!({"title": word(random), "createdAt": "2025-05-05T05:05:05Z"}));
    post(user, "/import", file).await;
}
