//! Titles, descriptions, tags, due dates and times of tasks.

use reqwest::Method;
use serde_json::{Value, json};

use super::{accepted, refused};
use crate::support::app::{Reply, TestApp};
use crate::support::user::TestUser;
use crate::web::forms::Browser;

/// The fields of a task that are texts, and the corpus of each.
const FIELDS: [(&str, &str); 4] =
    [("title", "titles"), ("description", "descriptions"), ("tags", "tags"), ("due", "dues")];

/// A task with a text in a field.
fn with(field: &str, text: &str) -> Value {
    let mut task = json!({"title": "a", "priority": "low"});
    task[field] = if field == "tags" { json!([text]) } else { json!(text) };
    task
}

async fn send(user: &TestUser, method: Method, rest: &str, body: &Value) -> Reply {
    user.request(method, &user.tasks(rest)).json(body).send().await
}

async fn import(user: &TestUser, content_type: &str, file: String) -> Reply {
    let request = user.request(Method::POST, &user.tasks("/import"));
    request.header("content-type", content_type).body(file).send().await
}

/// A table of one row with a text in a field, as a user types it.
fn table(field: &str, text: &str) -> String {
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let title = if field == "title" { String::new() } else { "\"a\",".to_owned() };
    let names =
        if field == "title" { "title,priority" } else { &format!("title,{field},priority") };
    format!("{names}\n{title}{},low\n", cell(text))
}

/// The fields that an answer names as invalid.
fn complained_of(reply: &Reply) -> Vec<String> {
    let details = reply.expect(400)["details"].clone();
    let details = details.as_array().unwrap().iter();
    details.map(|detail| detail["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_of_a_task_is_refused_at_every_entrance_and_nothing_is_kept() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let id = ada.create_task("a").await["id"].as_str().unwrap().to_owned();
    let before = ada.list("").await.expect(200);
    for (field, corpus) in FIELDS {
        // An element of a list is named by its place.
        let named = if field == "tags" { "tags[0]" } else { field };
        for text in refused(corpus) {
            let (task, change) = (with(field, &text), json!({field: with(field, &text)[field]}));
            let batch = json!({"commands": [
                {"op": "create", "task": task}, {"op": "change", "id": id, "changes": change},
            ]});
            let file = json!({"tasks": [task]}).to_string();
            let created = ada.create(&task).await;
            assert_eq!(complained_of(&created), [named], "created with {text:?}");
            let changed = send(&ada, Method::PATCH, &format!("/{id}"), &change).await;
            assert_eq!(complained_of(&changed), [named], "changed to {text:?}");
            let together = send(&ada, Method::POST, "/batch", &batch).await;
            let both =
                [format!("commands[0].task.{named}"), format!("commands[1].changes.{named}")];
            assert_eq!(complained_of(&together), both, "in a batch with {text:?}");
            let imported = import(&ada, "application/json", file).await;
            let place = format!("tasks[0].{named}");
            assert_eq!(complained_of(&imported), [place.as_str()], "imported with {text:?}");
            // Of a cell, blanks around a date are no part; an empty one is none, and a semicolon separates tags.
            let is_other = field == "due" && text.trim() != text;
            if !(is_other
                || (field != "title" && text.is_empty())
                || (field == "tags" && text == "a;b"))
            {
                let imported = import(&ada, "text/csv", table(field, &text)).await;
                assert_eq!(complained_of(&imported), [place.as_str()], "a row with {text:?}");
            }
        }
    }
    assert_eq!(ada.list("").await.expect(200), before);
}

/// The field of each task of a list.
async fn held(user: &TestUser, field: &str) -> Vec<String> {
    let page = user.list("?limit=1000&sort=position").await.expect(200);
    let text = |task: &Value| match field {
        "tags" => task["tags"][0].as_str().unwrap().to_owned(),
        field => task[field].as_str().unwrap().to_owned(),
    };
    page["tasks"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_of_a_task_is_held_alike_from_every_entrance_and_after_a_restart() {
    let mut app = TestApp::spawn().await;
    for (field, corpus) in FIELDS {
        let (given, expected): (Vec<_>, Vec<_>) = accepted(corpus).into_iter().unzip();
        let tasks: Vec<_> = given.iter().map(|text| with(field, text)).collect();
        let commands: Vec<_> =
            tasks.iter().map(|task| json!({"op": "create", "task": task})).collect();
        let users = ["created", "changed", "together", "imported", "json", "csv"];
        let mut people = Vec::new();
        for name in users {
            people.push(app.sign_up(&format!("{name}-{field}@example.com")).await);
        }
        for (task, text) in tasks.iter().zip(&given) {
            people[0].create(task).await.expect(201);
            let id = people[1].create_task("a").await["id"].as_str().unwrap().to_owned();
            let change = json!({field: with(field, text)[field]});
            send(&people[1], Method::PATCH, &format!("/{id}"), &change).await.expect(200);
        }
        send(&people[2], Method::POST, "/batch", &json!({"commands": commands})).await.expect(200);
        import(&people[3], "application/json", json!({"tasks": tasks}).to_string())
            .await
            .expect(200);
        for (index, format, content_type) in
            [(4, "json", "application/json"), (5, "csv", "text/csv")]
        {
            let file = people[0].list(&format!("/export?format={format}")).await.text;
            import(&people[index], content_type, file).await.expect(200);
        }
        for round in ["before", "after"] {
            for (index, name) in users.into_iter().enumerate() {
                let person = people[index].at(&app.url());
                assert_eq!(
                    held(&person, field).await,
                    expected,
                    "{field} {name} {round} a restart"
                );
            }
            if round == "before" {
                app.restart().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_and_due_dates_are_read_alike_in_a_form() {
    let app = TestApp::spawn().await;
    for (field, corpus) in [("title", "titles"), ("due", "dues")] {
        let mut browser = Browser::of(&app, &format!("{field}@example.com")).await;
        let tasks = browser.own_tasks().await;
        let form = |text: &str| {
            let title = if field == "title" { text } else { "a" };
            [
                ("title", title.to_owned()),
                ("due", if field == "due" { text } else { "" }.to_owned()),
            ]
        };
        let mut expected = Vec::new();
        for (text, held) in accepted(corpus) {
            let form = form(&text);
            let form = [(form[0].0, form[0].1.as_str()), (form[1].0, form[1].1.as_str())];
            assert_eq!(browser.post(&tasks, &form).await.status, 303, "{text:?}");
            expected.push(held);
        }
        // An empty field of a form says nothing.
        for text in refused(corpus).iter().filter(|text| field == "title" || !text.is_empty()) {
            let form = form(text);
            let form = [(form[0].0, form[0].1.as_str()), (form[1].0, form[1].1.as_str())];
            assert_eq!(browser.post(&tasks, &form).await.status, 400, "{text:?}");
        }
        let user = TestUser::sign_in(&app.url(), &format!("{field}@example.com")).await;
        assert_eq!(held(&user, field).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_and_a_range_of_due_dates_are_read_alike_in_a_query() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let query = |name: &str, text: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::from("?"));
        query.append_pair(name, text).finish()
    };
    for (name, corpus, field) in [
        ("tag", "tags", "tag[0]"),
        ("dueFrom", "dues", "dueFrom"),
        ("dueUntil", "dues", "dueUntil"),
    ] {
        for (text, _) in accepted(corpus) {
            ada.list(&query(name, &text)).await.expect(200);
        }
        for text in refused(corpus) {
            let reply = ada.list(&query(name, &text)).await;
            assert_eq!(complained_of(&reply), [field], "{name}={text:?}");
        }
    }
    for (name, corpus) in [("asOf", "times")] {
        for text in refused(corpus) {
            let reply = ada.list(&query(name, &text)).await;
            assert_eq!(complained_of(&reply), [name], "{name}={text:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_of_a_file_are_held_to_the_millisecond_or_refused() {
    let app = TestApp::spawn().await;
    for (format, content_type) in [("json", "application/json"), ("csv", "text/csv")] {
        let ada = app.sign_up(&format!("{format}@example.com")).await;
        let file = |text: &str| match format {
            "json" => json!({"tasks": [{"title": "a", "createdAt": text}]}).to_string(),
            _ => format!("title,createdAt\na,{text}\n"),
        };
        let mut expected = Vec::new();
        for (text, held) in accepted("times") {
            import(&ada, content_type, file(&text)).await.expect(200);
            expected.push(held);
        }
        for text in refused("times").iter().filter(|text| format == "json" || !text.is_empty()) {
            let reply = import(&ada, content_type, file(text)).await;
            assert_eq!(complained_of(&reply), ["tasks[0].createdAt"], "{text:?}");
        }
        let page = ada.list("?sort=position").await.expect(200);
        let tasks = page["tasks"].as_array().unwrap().iter();
        let times: Vec<_> = tasks.map(|task| task["createdAt"].as_str().unwrap()).collect();
        assert_eq!(times, expected);
    }
}
