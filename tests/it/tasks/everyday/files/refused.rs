//! Files that an import refuses: each fault is named by its row, and nothing is imported.

use serde_json::{Value, json};

use crate::tasks::everyday::*;

/// A field, the code of its fault, and the message.
type Refusal = (String, &'static str, String);

fn refusal(field: &str, code: &'static str, message: &str) -> Refusal {
    (field.to_owned(), code, message.to_owned())
}

/// A file with a good task before and after the one in question.
fn file(task: &Value) -> String {
    json!({"tasks": [{"title": "good"}, task, {"title": "good too"}]}).to_string()
}

#[track_caller]
fn assert_refused(reply: &Reply, refusals: &[Refusal]) {
    let refusals: Vec<_> = refusals
        .iter()
        .map(|(field, code, message)| (field.as_str(), *code, message.as_str()))
        .collect();
    reply.expect_invalid(&refusals);
}

const TIME: &str = "must be a date and time with its offset (RFC 3339)";
const DUE: &str = "must be a date such as 2026-12-24, or a date and time with its zone such as \
                   2026-12-24T18:00:00+01:00 or 2026-12-24T18:00:00+01:00[Europe/Prague]";
const ID: &str = "must be the id of an exported task";
const PLACE: &str = "must be the position of an exported task";

const NUL: &str = "must not contain the NUL character";
const CONTROL: &str = "must not contain control characters";
const EMPTY: &str = "must not be empty";

/// A task with these fields, and the refusal of one of them.
fn bad(fields: &Value, name: &str, code: &'static str, message: &str) -> (Value, Refusal) {
    let refusal = (format!("tasks[1].{name}"), code, message.to_owned());
    (with(&json!({"title": "a"}), fields), refusal)
}

/// Everything that can be wrong with the texts of a task.
fn bad_texts() -> Vec<(Value, Refusal)> {
    let (title, note) = ("é".repeat(201), "é".repeat(2_001));
    let (many, tag) = (["a", "b", "c"].repeat(7), "é".repeat(51));
    let bad_tag = "must not contain a semicolon or a control character";
    vec![
        bad(&json!({"title": " "}), "title", "TITLE_EMPTY", EMPTY),
        bad(
            &json!({"title": title}),
            "title",
            "TITLE_TOO_LONG",
            "must have at most 200 characters",
        ),
        bad(&json!({"title": "a\0"}), "title", "TITLE_INVALID", CONTROL),
        bad(
            &json!({"description": note}),
            "description",
            "DESCRIPTION_TOO_LONG",
            "must have at most 2000 characters",
        ),
        bad(&json!({"description": "\0"}), "description", "DESCRIPTION_INVALID", NUL),
        bad(&json!({"tags": many}), "tags", "TAGS_TOO_MANY", "must have at most 20 tags"),
        bad(&json!({"tags": ["x", ""]}), "tags[1]", "TAGS_EMPTY", EMPTY),
        bad(&json!({"tags": [tag]}), "tags[0]", "TAGS_TOO_LONG", "must have at most 50 characters"),
        bad(&json!({"tags": ["x;y"]}), "tags[0]", "TAGS_INVALID", bad_tag),
    ]
}

/// Everything that can be wrong with its times, its place and its identifier.
fn bad_values() -> Vec<(Value, Refusal)> {
    let not_done = "must be absent of a task that is not completed";
    let done = json!({"completed": false, "completedAt": "2026-01-01T00:00:00Z"});
    let random = "550e8400-e29b-41d4-a716-446655440000";
    let made_in_two_days = "019b8127-6000-7000-8000-000000000000";
    vec![
        bad(&json!({"due": "2026-02-30"}), "due", "DUE_INVALID", DUE),
        bad(&json!({"id": "nonsense"}), "id", "ID_INVALID", ID),
        bad(&json!({ "id": random }), "id", "ID_INVALID", ID),
        bad(&json!({ "id": made_in_two_days }), "id", "ID_INVALID", ID),
        bad(&json!({"position": "first"}), "position", "POSITION_INVALID", PLACE),
        bad(&json!({"createdAt": "2026-01-01T00:00"}), "createdAt", "CREATED_AT_INVALID", TIME),
        bad(&json!({"updatedAt": "now"}), "updatedAt", "UPDATED_AT_INVALID", TIME),
        bad(&json!({"completedAt": "now"}), "completedAt", "COMPLETED_AT_INVALID", TIME),
        bad(&done, "completedAt", "COMPLETED_AT_INVALID", not_done),
    ]
}

/// Everything that can be wrong with its shape.
fn bad_shapes() -> Vec<(Value, Refusal)> {
    let number = "invalid type: integer `7`, expected a string";
    let priority = "unknown variant `urgent`, expected one of `none`, `low`, `medium`, `high`";
    let known = "is not known, expected one of `id`, `title`, `description`, `completed`, `completedAt`, \
                 `priority`, `due`, `tags`, `position`, `createdAt`, `updatedAt`";
    vec![
        (json!({}), refusal("tasks[1].title", "TITLE_MISSING", "is missing")),
        (json!(7), refusal("tasks[1]", "TASKS_WRONG_TYPE", "must be a JSON object")),
        bad(&json!({"title": 7}), "title", "TITLE_WRONG_TYPE", number),
        bad(&json!({"priority": "urgent"}), "priority", "PRIORITY_INVALID", priority),
        bad(&json!({"colour": "red"}), "colour", "MEMBER_UNKNOWN", known),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_task_of_a_json_file_is_named_by_its_place_and_nothing_is_imported() {
    let (app, ada) = ada().await;
    for (task, refused) in [bad_texts(), bad_values(), bad_shapes()].concat() {
        let reply = import(&ada, "application/json", file(&task)).await;
        assert_refused(&reply, &[refused]);
    }
    assert_eq!(event_count(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_line_of_a_table_is_named_by_its_place_and_nothing_is_imported() {
    let (app, ada) = ada().await;
    let columns = "title,priority,completed,due,tags,id,description";
    for (line, refused) in [
        (" ,low,,,,,", refusal("tasks[1].title", "TITLE_EMPTY", "must not be empty")),
        ("a,,,soon,,,", refusal("tasks[1].due", "DUE_INVALID", DUE)),
        ("a,,,,,1,", refusal("tasks[1].id", "ID_INVALID", ID)),
        (
            "a,,,,,,a\0",
            refusal(
                "tasks[1].description",
                "DESCRIPTION_INVALID",
                "must not contain the NUL character",
            ),
        ),
        (
            "a,urgent,,,,,",
            refusal("tasks[1].priority", "PRIORITY_INVALID", "must be none, low, medium or high"),
        ),
        ("a,,yes,,,,", refusal("tasks[1].completed", "COMPLETED_INVALID", "must be true or false")),
        ("a,b", refusal("tasks[1]", "TASKS_INVALID", "has 2 columns instead of 7 (line 3)")),
        (
            "a,,,,,,,b",
            refusal("tasks[1]", "TASKS_INVALID", "has a text in a column without a name (line 3)"),
        ),
    ] {
        let table = format!("{columns}\ngood,,,,,,\n{line}\ngood too,,,,,,\n");
        assert_refused(&import(&ada, "text/csv", table).await, &[refused]);
    }
    let utf8 = [b"title\ngood\n".as_slice(), b"\xff\n"].concat();
    let message = "is not UTF-8: save the table as “CSV UTF-8” (line 3)";
    let refused = refusal("tasks", "TASKS_INVALID", message);
    assert_refused(&import(&ada, "text/csv", utf8).await, &[refused]);
    assert_eq!(event_count(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_file_is_said_at_once_up_to_a_hundred_things() {
    let (app, ada) = ada().await;
    let tasks = json!({"tasks": [
        {"title": "", "due": "x", "position": "x"},
        {"title": "good"},
        {"title": "a", "id": "x", "tags": ["a", ";"]},
    ]});
    assert_refused(
        &import(&ada, "application/json", tasks.to_string()).await,
        &[
            refusal("tasks[0].title", "TITLE_EMPTY", "must not be empty"),
            refusal("tasks[0].due", "DUE_INVALID", DUE),
            refusal("tasks[0].position", "POSITION_INVALID", PLACE),
            refusal("tasks[2].id", "ID_INVALID", ID),
            refusal(
                "tasks[2].tags[1]",
                "TAGS_INVALID",
                "must not contain a semicolon or a control character",
            ),
        ],
    );
    let bad = vec![json!({"title": ""}); 1_000];
    let reply = import(&ada, "application/json", json!({"tasks": bad}).to_string()).await;
    assert_eq!(reply.expect(400)["details"].as_array().unwrap().len(), 100);
    assert_eq!(event_count(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_twice_in_a_file_is_a_mistake_of_the_file() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let twice =
        json!({"tasks": [{"id": milk["id"], "title": "a"}, {"id": milk["id"], "title": "b"}]});
    let message = "is the id of an earlier task of the file";
    let refused = refusal("tasks[1].id", "ID_DUPLICATE", message);
    assert_refused(&import(&ada, "application/json", twice.to_string()).await, &[refused]);
    assert_eq!(get(&ada, &milk).await, milk);
    assert_eq!(event_count(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_titles_or_with_columns_of_its_own_is_refused() {
    let (app, ada) = ada().await;
    let known = "is no column: there are id, title, description, completed, completedAt, priority, due, tags, \
                 position, createdAt, updatedAt";
    let missing = || refusal("title", "TITLE_MISSING", "is missing among the columns");
    for (table, refused) in [
        ("", missing()),
        ("due,tags\n2026-12-24,\n", missing()),
        ("title,colour\nMilk,red\n", refusal("colour", "COLUMN_UNKNOWN", known)),
        ("Titles\nMilk\n", refusal("Titles", "COLUMN_UNKNOWN", known)),
        ("title|due\nMilk|\n", refusal("title|due", "COLUMN_UNKNOWN", known)),
        (
            "title,title\nMilk,Bread\n",
            refusal("title", "TITLE_DUPLICATE", "appears more than once"),
        ),
    ] {
        assert_refused(&import(&ada, "text/csv", table).await, &[refused]);
    }
    assert_eq!(event_count(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_of_tasks_at_all_is_refused() {
    let (app, ada) = ada().await;
    for (body, code) in [
        ("", "INVALID_JSON"),
        ("{", "INVALID_JSON"),
        ("{\"tasks\":[{\"title\":\"good\"}]", "INVALID_JSON"),
        ("{\"tasks\":[]} {}", "INVALID_JSON"),
        ("{\"tasks\":[{\"title\":\"\\ud800\"}]}", "INVALID_JSON"),
    ] {
        let reply = import(&ada, "application/json", body).await;
        assert_eq!(reply.expect(400)["code"], code, "{body}");
    }
    for (body, field, code, message) in [
        ("{}", "tasks", "TASKS_MISSING", "is missing"),
        ("[]", "body", "BODY_WRONG_TYPE", "must be a JSON object"),
        ("{\"tasks\":[],\"x\":1}", "x", "MEMBER_UNKNOWN", "is not known, expected `tasks`"),
        (
            "{\"tasks\":null}",
            "tasks",
            "TASKS_WRONG_TYPE",
            "invalid type: null, expected a sequence",
        ),
    ] {
        let reply = import(&ada, "application/json", body).await;
        assert_refused(&reply, &[refusal(field, code, message)]);
    }
    assert_eq!(event_count(&app).await, 0);
}
