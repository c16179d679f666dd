//! Several commands at once.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::support::locked::Locked;

const OVERLOADED: &str = "The server is overloaded; nothing was changed, try again shortly";

async fn batch(user: &TestUser, commands: &[Value]) -> Reply {
    post(user, "/batch", &json!({"commands": commands})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_creates_changes_deletes_moves_and_restores_in_its_order() {
    let (app, ada) = ada().await;
    let [milk, bread, tea, gone] = tasks(&ada, ["Milk", "Bread", "Tea", "Gone"]).await;
    delete(&ada, &gone).await;
    wait(&app);
    let at = "2026-01-01T00:00:01.000Z";
    let reply = batch(
        &ada,
        &[
            json!({"op": "create", "task": {"title": "Jam", "tags": ["shop"], "completed": true}}),
            json!({"op": "change", "id": id(&milk), "changes": {"title": "Oat milk"}, "ifVersion": v(1)}),
            json!({"op": "change", "id": id(&milk), "changes": {"priority": "high"}}),
            json!({"op": "delete", "id": id(&bread), "ifVersion": v(2)}),
            json!({"op": "move", "id": id(&milk), "after": id(&tea), "ifVersion": v(1)}),
            json!({"op": "restore", "id": id(&gone)}),
            json!({"op": "change", "id": id(&tea), "changes": {}}),
        ],
    )
    .await;
    let results = reply.expect(200)["results"].clone();
    let jam = json!({"title": "Jam", "tags": ["shop"], "completed": true, "completedAt": at, "createdAt": at,
                     "updatedAt": at, "position": "i0000004", "version": v(6)});
    let jam = shown(&ada, &results[0], &jam);
    let changes = json!({"title": "Oat milk", "priority": "high", "updatedAt": at, "version": v(10),
                         "position": results[4]["task"]["position"]});
    let milk = with(&milk, &changes);
    // Another one stands where it stood: it comes right after that one.
    let back = with(&gone, &json!({"updatedAt": at, "version": v(11), "position": "i0000003i"}));
    let result = |task: &Value| json!({"id": task["id"], "task": task});
    let only = |task: &Value| json!({"id": task["id"]});
    let expected = json!({
        "results": [result(&jam), only(&milk), only(&milk), only(&bread), result(&milk), result(&back), result(&tea)],
        "version": v(11),
    });
    assert_eq!((reply.json(), reply.header("etag")), (expected, tag(11)));
    let order = page(&ada, "?sort=position").await;
    assert_eq!(order["tasks"], json!([tea, milk, back, jam]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_carried_out_as_a_whole_or_not_at_all() {
    let (app, ada) = ada().await;
    let eve = app.sign_up("eve@example.com").await;
    let [milk, gone] = tasks(&ada, ["Milk", "Gone"]).await;
    let eves = eve.create_task("Eve's").await;
    delete(&ada, &gone).await;
    let (before, list) = (events(&app).await, page(&ada, "").await);
    let good = [
        json!({"op": "create", "task": {"title": "Jam"}}),
        json!({"op": "change", "id": id(&milk), "changes": {"completed": true}}),
    ];
    let unknown = |name: &str| {
        let code = format!("{}_UNKNOWN", name.to_uppercase());
        let (field, reason) = (format!("commands[2].{name}"), "must be a task of this list");
        let detail = json!({"field": field, "code": code, "message": reason});
        json!({"code": "INVALID_INPUT", "message": format!("{field} {reason}"), "details": [detail]})
    };
    let missing = || expected::no_task_at("commands[2].id");
    for (bad, status, body) in [
        (json!({"op": "delete", "id": id(&gone)}), 404, missing()),
        (json!({"op": "change", "id": id(&eves), "changes": {}}), 404, missing()),
        (json!({"op": "move", "id": id(&eves), "before": id(&milk)}), 404, missing()),
        (json!({"op": "move", "id": id(&milk), "before": id(&eves)}), 400, unknown("before")),
        (json!({"op": "move", "id": id(&milk), "after": id(&gone)}), 400, unknown("after")),
    ] {
        let reply = batch(&ada, &[&good[..], std::slice::from_ref(&bad)].concat()).await;
        assert_eq!(problem(&reply, status), body, "{bad}");
    }
    let deleted_twice =
        [json!({"op": "delete", "id": id(&milk)}), json!({"op": "delete", "id": id(&milk)})];
    let reply = batch(&ada, &deleted_twice).await;
    assert_eq!(problem(&reply, 404), expected::no_task_at("commands[1].id"));
    assert_eq!((events(&app).await, page(&ada, "").await), (before, list));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_with_another_version_than_expected_refuses_the_batch_with_what_is_there() {
    let (app, ada) = ada().await;
    let [milk, bread] = tasks(&ada, ["Milk", "Bread"]).await;
    let milk = patch(&ada, &milk, &json!({"title": "Oat milk"})).await.expect(200);
    let before = events(&app).await;
    let create = json!({"op": "create", "task": {"title": "Jam"}});
    for stale in [
        json!({"op": "change", "id": id(&milk), "changes": {}, "ifVersion": v(1)}),
        json!({"op": "delete", "id": id(&milk), "ifVersion": v(2)}),
        json!({"op": "move", "id": id(&milk), "after": id(&bread), "ifVersion": v(4)}),
    ] {
        let reply = batch(&ada, &[create.clone(), stale.clone()]).await;
        assert_eq!(problem(&reply, 412), expected::mismatch_at(1, &milk), "{stale}");
    }
    // An expected version is compared with the version before the batch, not with that of an earlier command in it.
    let change = json!({"op": "change", "id": id(&milk), "changes": {"completed": true}});
    for stale in [v(1), v(4), "3.AAAAAAAA"] {
        let delete = json!({"op": "delete", "id": id(&milk), "ifVersion": stale});
        let reply = batch(&ada, &[change.clone(), delete]).await;
        assert_eq!(problem(&reply, 412), expected::mismatch_at(1, &milk), "{stale}");
    }
    assert_eq!(events(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_batch_is_said_at_once_with_its_place() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let long = "é".repeat(201);
    let due = "must be a date such as 2026-12-24, or a date and time with its zone such as \
               2026-12-24T18:00:00+01:00 or 2026-12-24T18:00:00+01:00[Europe/Prague]";
    let both = json!({"op": "move", "id": id(&milk), "before": id(&milk), "after": id(&milk)});
    let reply = batch(
        &ada,
        &[
            json!({"op": "create", "task": {"title": " ", "due": "soon", "tags": ["a", "b;c"]}}),
            json!({"op": "create", "task": {"title": "fine"}}),
            json!({"op": "change", "id": id(&milk), "changes": {"title": null, "description": "a\0"}}),
            json!({"op": "change", "id": id(&milk), "changes": {"title": long, "due": "x", "tags": [""]}}),
            json!({"op": "delete", "id": "nonsense"}),
            json!({"op": "move", "id": id(&milk)}),
            both,
            json!({"op": "restore", "id": "00000000-0000-0000-0000-000000000000"}),
        ],
    )
    .await;
    reply.expect_invalid(&[
        ("commands[0].task.title", "TITLE_EMPTY", "must not be empty"),
        ("commands[0].task.due", "DUE_INVALID", due),
        (
            "commands[0].task.tags[1]",
            "TAGS_INVALID",
            "must not contain a semicolon or a control character",
        ),
        ("commands[2].changes.title", "TITLE_MISSING", "cannot be removed"),
        (
            "commands[2].changes.description",
            "DESCRIPTION_INVALID",
            "must not contain the NUL character",
        ),
        ("commands[3].changes.title", "TITLE_TOO_LONG", "must have at most 200 characters"),
        ("commands[3].changes.due", "DUE_INVALID", due),
        ("commands[3].changes.tags[0]", "TAGS_EMPTY", "must not be empty"),
        ("commands[4].id", "ID_UNKNOWN", "is not a task of this list"),
        ("commands[5].before", "BEFORE_MISSING", "is missing, and so is after"),
        ("commands[6].after", "AFTER_INVALID", "cannot be combined with before"),
        ("commands[7].id", "ID_UNKNOWN", "was never a task of this list"),
    ]);
    assert_eq!(event_count(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_the_wrong_shape_is_named() {
    let (app, ada) = ada().await;
    let ops =
        "unknown variant `paint`, expected one of `create`, `change`, `delete`, `move`, `restore`";
    let members = "is not known, expected one of `op`, `id`, `ifVersion`";
    let number = "invalid type: integer `5`, expected a string";
    for (command, problem) in [
        (json!({}), ("commands[1].op", "OP_MISSING", "is missing")),
        (json!({"op": "paint"}), ("commands[1].op", "OP_INVALID", ops)),
        (json!(7), ("commands[1]", "COMMANDS_WRONG_TYPE", "must be a JSON object")),
        (json!({"op": "create"}), ("commands[1].task", "TASK_MISSING", "is missing")),
        (json!({"op": "delete"}), ("commands[1].id", "ID_MISSING", "is missing")),
        (
            json!({"op": "delete", "id": "x", "version": 3}),
            ("commands[1].version", "MEMBER_UNKNOWN", members),
        ),
        (
            json!({"op": "change", "id": "x", "changes": {"title": 5}}),
            ("commands[1].changes.title", "TITLE_WRONG_TYPE", number),
        ),
        (
            json!({"op": "change", "id": "x", "changes": {"priority": 5}}),
            ("commands[1].changes.priority", "PRIORITY_WRONG_TYPE", number),
        ),
        (
            json!({"op": "create", "task": {"title": "x", "tags": ["a", 5]}}),
            ("commands[1].task.tags[1]", "TAGS_WRONG_TYPE", number),
        ),
        (
            json!({"op": 5}),
            ("commands[1].op", "OP_WRONG_TYPE", "invalid type: no string, expected a string"),
        ),
        (json!(["create"]), ("commands[1]", "COMMANDS_WRONG_TYPE", "must be a JSON object")),
    ] {
        let good = json!({"op": "create", "task": {"title": "Jam"}});
        batch(&ada, &[good, command]).await.expect_invalid(&[problem]);
    }
    assert_eq!(event_count(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_one_to_five_hundred_commands() {
    let (app, ada) = ada().await;
    let create = |number| json!({"op": "create", "task": {"title": format!("task {number}")}});
    let commands: Vec<_> = (0..501).map(create).collect();
    let none = ("commands", "COMMANDS_EMPTY", "must not be empty");
    batch(&ada, &[]).await.expect_invalid(&[none]);
    let many = ("commands", "COMMANDS_TOO_MANY", "must have at most 500 commands");
    batch(&ada, &commands).await.expect_invalid(&[many]);
    assert_eq!(event_count(&app).await, 0);
    let reply = batch(&ada, &commands[..500]).await.expect(200);
    let page = page(&ada, "?limit=1000").await;
    let results: Vec<_> =
        reply["results"].as_array().unwrap().iter().map(|it| &it["task"]).collect();
    assert_eq!(json!(results), page["tasks"]);
    let expected: Vec<_> = (0..500).map(|number| format!("task {number}")).collect();
    assert_eq!(titles(&page), expected);
    assert_eq!((&reply["version"], &page["total"]), (&json!(v(500)), &json!(500)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_more_than_four_mebibytes_is_refused() {
    let (app, ada) = ada().await;
    let create =
        json!({"op": "create", "task": {"title": "Jam", "description": "é".repeat(2_000)}});
    let largest: Vec<_> = (0..500).map(|_| create.clone()).collect();
    batch(&ada, &largest).await.expect(200);
    let body = format!("{{\"commands\": []{}}}", " ".repeat(4 * 1024 * 1024));
    let request = ada.request(reqwest::Method::POST, &ada.tasks("/batch"));
    let reply = request.header("content-type", "application/json").body(body).send().await;
    reply.expect_problem(413, "PAYLOAD_TOO_LARGE", "The body is larger than 4 MiB");
    assert_eq!(event_count(&app).await, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answers_to_large_batches_have_room_before_anything_is_changed_or_the_batch_is_refused()
{
    const PEOPLE: usize = 10;
    let app = TestApp::spawn_with(|config| config.memory.limit = 400_000_000).await;
    let long = "\u{10348}".repeat(2_000);
    let create = |_| json!({"op": "create", "task": {"title": "Long", "description": long}});
    let commands: Vec<Value> = (0..100).map(create).collect();
    let done = |ids: &[Value], completed: bool| {
        let change =
            |id: &Value| json!({"op": "change", "id": id, "changes": {"completed": completed}});
        json!({"commands": ids.iter().map(change).collect::<Vec<_>>()})
    };
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let (user, mut ids) = (app.sign_up(&format!("person{number}@example.com")).await, vec![]);
        for _ in 0..3 {
            let made = batch(&user, &commands).await.expect(200);
            ids.extend(made["results"].as_array().unwrap().iter().map(|made| made["id"].clone()));
        }
        people.push((user, ids));
    }
    // The lock delays every decision, so that all of them run at the same time.
    let lock = Locked::new(&app.connection()).await;
    let bodies: Vec<_> = people.iter().map(|(user, ids)| (user, done(ids, true))).collect();
    let mut batches: FuturesUnordered<_> =
        bodies.iter().map(|(user, body)| post(user, "/batch", body)).collect();
    let refused = batches.next().await.unwrap();
    refused.expect_problem(503, "OVERLOADED", OVERLOADED);
    lock.release().await;
    let replies: Vec<Reply> = batches.collect().await;
    assert!(replies.iter().any(|reply| reply.status == 200));
    assert!(replies.iter().all(|reply| [200, 503].contains(&reply.status.as_u16())));
    // The budget is free again afterwards.
    let (user, ids) = &people[0];
    let large = post(user, "/batch", &done(ids, false)).await;
    assert!(large.status == 200 && large.text.len() > 2_000_000, "{}", large.text.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_batch_of_a_user_is_at_work_and_beyond_a_few_that_wait_none_is_taken_in() {
    let (app, ada) = ada().await;
    let lock = Locked::new(&app.connection()).await;
    let create = [json!({"op": "create", "task": {"title": "Milk"}})];
    let mut batches: FuturesUnordered<_> = (0..20).map(|_| batch(&ada, &create)).collect();
    for _ in 0..3 {
        let refused = batches.next().await.unwrap();
        refused.expect_problem(503, "OVERLOADED", OVERLOADED);
    }
    let mut unfinished = TcpStream::connect(app.running().address()).await.unwrap();
    let head = format!("{}{{", ada.head("/batch", "application/json", 1_000));
    unfinished.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    unfinished.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503", "refused without its body");
    lock.release().await;
    let replies: Vec<Reply> = batches.collect().await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(event_count(&app).await, 17);
}
