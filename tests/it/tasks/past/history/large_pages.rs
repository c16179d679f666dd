//! Pages of the past are bounded in bytes: a long history takes more pages, and no change is left out.

use serde_json::{Value, json};

use crate::support::app::{TestApp, number};
use crate::support::user::TestUser;
use crate::tasks::past::{all, get, id, patch, post, tasks};

/// Most bytes of a page: its changes have at most 512 KiB and one change more, and the rest of the body is a fraction of
/// that.
const PAGE: usize = 512 * 1024 / 4 * 5;

/// A description of 8,000 bytes.
fn long(ornament: &str) -> String {
    "🦀".repeat(1_999) + ornament
}

/// Entries of each page from the first to the last, each requested with the cursor of the one before.
async fn pages(user: &TestUser, path: &str, [list, next, cursor]: [&str; 3]) -> Vec<Vec<Value>> {
    let (mut pages, mut place) = (Vec::new(), String::new());
    loop {
        let page = get(user, &format!("{path}limit=1000{place}")).await;
        assert!(page.to_string().len() < PAGE, "{} bytes", page.to_string().len());
        pages.push(page[list].as_array().unwrap().clone());
        let Some(next) = present(&page[next]) else { return pages };
        place = format!("&{cursor}={next}");
    }
}

fn present(value: &Value) -> Option<String> {
    (!value.is_null()).then(|| value.to_string().replace('"', ""))
}

const OF_CHANGES: [&str; 3] = ["changes", "nextBefore", "before"];

fn versions(pages: &[Vec<Value>]) -> Vec<i64> {
    pages.iter().flatten().map(|change| number(&change["version"])).collect()
}

/// Carries out many commands in batches that a body has room for.
async fn in_batches(user: &TestUser, commands: Vec<Value>) {
    for part in commands.chunks(100) {
        post(user, "/batch", json!({"commands": part})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_history_of_a_list_and_of_differences_is_bounded_in_bytes() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let create = |_| json!({"op": "create", "task": {"title": "Long", "description": long("!")}});
    in_batches(&ada, (0..200).map(create).collect()).await;
    let ids: Vec<String> = tasks(&all(&ada).await).iter().map(|task| id(task).to_owned()).collect();
    let created = pages(&ada, "/history?", OF_CHANGES).await;
    assert_eq!((created.len(), versions(&created)), (4, (1..=200).rev().collect()));

    let added = pages(&ada, "/diff?from=0&", ["differences", "nextCursor", "cursor"]).await;
    let told: Vec<_> =
        added.iter().flatten().map(|task| task["taskId"].as_str().unwrap()).collect();
    assert!(added.len() == 4 && told == ids, "{} pages of {} differences", added.len(), told.len());

    in_batches(&ada, ids.iter().map(|id| json!({"op": "delete", "id": id})).collect()).await;
    let deleted = pages(&ada, "/history?type=deleted&", OF_CHANGES).await;
    assert_eq!((deleted.len(), versions(&deleted)), (4, (201..=400).rev().collect()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_history_of_a_task_is_bounded_in_bytes() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let task = ada.create_task("Long").await;
    for number in 0..100 {
        patch(&ada, &task, json!({"description": long(&(number % 10).to_string())})).await;
    }
    let told = pages(&ada, &format!("/{}/history?", id(&task)), OF_CHANGES).await;
    assert_eq!((told.len(), versions(&told)), (4, (1..=101).rev().collect()));
}
