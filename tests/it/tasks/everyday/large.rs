//! Lists of ten thousand tasks, and what is larger than it may be.

use std::collections::HashSet;
use std::fmt::Write as _;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::support::process::until;

const MOST: usize = 10_000;

/// A table of so many tasks, all different.
fn table(count: usize) -> String {
    let mut table = "title,description,priority,due,tags,completed\r\n".to_owned();
    for number in 0..count {
        let priority = ["none", "low", "medium", "high"][number % 4];
        let due = format!("2026-{:02}-{:02}", number % 12 + 1, number % 28 + 1);
        let (tags, done) = (number % 100, number % 10 == 0);
        let words = number / 2;
        write!(table, "Úkol {number},řádek {words},{priority},{due},tag {tags},{done}\r\n")
            .unwrap();
    }
    table
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_ten_thousand_tasks_is_exported_whole_and_streamed_and_imported_again() {
    let (app, ada) = ada().await;
    let eve = app.sign_up("eve@example.com").await;
    let reply = import(&ada, "text/csv", table(MOST)).await.expect(200);
    let all = json!({"created": MOST, "changed": 0, "unchanged": 0, "version": v(MOST)});
    assert_eq!(reply, all);
    for (format, content_type) in [("json", "application/json"), ("csv", "text/csv")] {
        let reply = ada.list(&format!("/export?format={format}")).await;
        let headers = (reply.header("transfer-encoding"), reply.header("content-length"));
        assert_eq!(headers, ("chunked", ""), "{format}");
        let imported = import(&eve, content_type, reply.text.clone()).await.expect(200);
        let again = json!({"created": 0, "changed": 0, "unchanged": MOST, "version": v(MOST)});
        assert_eq!(imported, if format == "json" { all.clone() } else { again });
        assert_eq!(export(&eve, format).await, reply.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_ten_thousand_tasks_is_filtered_searched_sorted_and_paged() {
    let (_app, ada) = ada().await;
    import(&ada, "text/csv", table(MOST)).await.expect(200);
    for sort in ["created", "updated", "due", "priority", "position"] {
        let query = format!("?limit=1000&order=desc&sort={sort}");
        let (mut seen, mut cursor) = (HashSet::new(), String::new());
        loop {
            let page = page(&ada, &format!("{query}{cursor}")).await;
            let counts = (&page["total"], &page["counts"]["open"], &page["counts"]["completed"]);
            assert_eq!(counts, (&json!(MOST), &json!(9_000), &json!(1_000)));
            seen.extend(titles(&page).into_iter().map(str::to_owned));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen.len(), MOST, "{sort}");
    }
    for (query, total) in [
        ("?q=UKOL", MOST),
        ("?q=radek%204999", 2),
        ("?tag=TAG%2077", 100),
        ("?priority=high&completed=true", 0),
        ("?priority=low&priority=none&completed=false", 4_500),
        ("?dueFrom=2026-12-28&dueUntil=2026-12-28", 119),
    ] {
        assert_eq!(page(&ada, query).await["total"], json!(total), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_list_takes_no_more_tasks_and_is_changed_all_the_same() {
    let (app, ada) = ada().await;
    import(&ada, "text/csv", table(MOST)).await.expect(200);
    let full = json!({"code": "LIST_FULL", "message": "The list cannot take any more tasks"});
    assert_eq!(problem(&ada.create(&json!({"title": "one more"})).await, 409), full);
    let list = page(&ada, "?limit=2").await;
    let (first, second) = (&list["tasks"][0], &list["tasks"][1]);
    let create = json!({"op": "create", "task": {"title": "one more"}});
    let drop = json!({"op": "delete", "id": id(first)});
    let batch =
        async |commands: &[&Value]| post(&ada, "/batch", &json!({"commands": commands})).await;
    let at = |field: &str, code: &str| {
        let detail = json!({"field": field, "code": code, "message": "does not fit into the list"});
        json!({"code": full["code"], "message": full["message"], "details": [detail]})
    };
    let first_command = at("commands[0]", "COMMANDS_TOO_MANY");
    assert_eq!(problem(&batch(&[&create, &drop]).await, 409), first_command);
    let file = json!({"tasks": [{"id": second["id"], "title": "changed"}, {"title": "one more"}]});
    let reply = import(&ada, "application/json", file.to_string()).await;
    assert_eq!(problem(&reply, 409), at("tasks[1]", "TASKS_TOO_MANY"));
    assert_eq!(event_count(&app).await, MOST);
    batch(&[&drop, &create]).await.expect(200);
    patch(&ada, second, &json!({"completed": true})).await.expect(200);
    let restored = post(&ada, &format!("/{}/restore", id(first)), &json!({})).await;
    assert_eq!(problem(&restored, 409), full);
    assert_eq!(page(&ada, "?limit=1").await["total"], MOST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_more_than_ten_thousand_tasks_is_refused() {
    let (app, ada) = ada().await;
    let many = ("tasks", "TASKS_TOO_MANY", "must have at most 10000 tasks");
    import(&ada, "text/csv", table(MOST + 1)).await.expect_invalid(&[many]);
    let tasks = vec![json!({"title": "Milk"}); MOST + 1];
    let file = json!({"tasks": tasks}).to_string();
    import(&ada, "application/json", file).await.expect_invalid(&[many]);
    assert_eq!(event_count(&app).await, 0);
}

/// The beginning of a file that says how large it is, and does not come.
async fn begun(app: &TestApp, user: &TestUser, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(app.running().address()).await.unwrap();
    let head = format!("{}title\r\nMilk\r\n", user.head("/import", "text/csv", length));
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_larger_than_any_list_is_refused_before_it_arrives() {
    let (app, ada) = ada().await;
    let mut stream = begun(&app, &ada, 192 * 1024 * 1024 + 1).await;
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 413");
    let file = format!("{{\"tasks\":[]}}{}", " ".repeat(33 * 1024 * 1024));
    import(&ada, "application/json", file).await.expect(200);
    assert_eq!(event_count(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_of_a_person_is_taken_in_at_a_time_and_others_do_not_wait_for_it() {
    let (app, ada) = ada().await;
    let eve = app.sign_up("eve@example.com").await;
    let file = begun(&app, &ada, 1_000).await;
    let nothing = async |user: &TestUser| import(user, "application/json", "{\"tasks\":[]}").await;
    until("it is being taken in", async || nothing(&ada).await.status == 503).await;
    let refused = nothing(&ada).await;
    let message = "The server is overloaded; nothing was changed, try again shortly";
    refused.expect_problem(503, "OVERLOADED", message);
    assert_eq!(refused.header("retry-after"), "1");
    nothing(&eve).await.expect(200);
    ada.create_task("Tea").await;
    drop(file);
    until("there is room again", async || nothing(&ada).await.status == 200).await;
    assert_eq!(ada.titles().await, ["Tea"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_list_is_taken_back_as_a_whole() {
    let (_app, ada) = ada().await;
    import(&ada, "text/csv", table(MOST)).await.expect(200);
    let undone = ada.request(Method::POST, &ada.tasks("/undo")).send().await.expect(200);
    let shown = undone["changes"].as_array().unwrap().len();
    assert_eq!((shown, &undone["total"]), (100, &json!(MOST)));
    assert_eq!(page(&ada, "").await["total"], 0);
}
