//! Whole lists as files, out and in again.

mod refused;

use serde_json::{Value, json};

use super::*;

/// Every kind of text that a file could spoil.
const AWKWARD: [&str; 24] = [
    "plain",
    "\"quoted\" and \"\"twice\"\"",
    "comma, semicolon; tab\tand | pipe",
    "two\nlines",
    "two\r\nlines",
    "a lone\rreturn",
    "=SUM(A1:A9)",
    "+1",
    "-1",
    "@cmd",
    "'apostrophe",
    "'=formula behind one",
    "''=behind two",
    "'",
    "''",
    "\\ backslash \\n and \\u0000",
    "</script><!-- & &amp;",
    "👩‍👩‍👧‍👦 🥛",
    "اشتر الحليب \u{202e}rtl\u{202c}",
    "e\u{301} and é",
    "\u{feff}mark",
    "\u{7f}\u{1}\u{1b}[31m",
    "null",
    "true",
];

/// Texts that only a description can have: a title is trimmed and never empty.
const UNTRIMMED: [&str; 9] =
    ["", " ", "\n", "\r\n", "\t=1", "\r=1", " ends with space ", "\"", "\n\n'\n"];

/// A list with all of it, in a manual order.
async fn fill(app: &TestApp, user: &TestUser) {
    let mut commands = Vec::new();
    for (number, text) in AWKWARD.iter().chain(&UNTRIMMED).enumerate() {
        let is_title = !text.trim().is_empty() && !text.contains(char::is_control);
        let title = if is_title { text } else { "several lines" };
        let priority = ["none", "low", "medium", "high"][number % 4];
        let due = ["2026-12-24", "2026-12-24T18:00:00.5-03:30", "2026-07-24T18:00[Europe/Prague]"];
        let task = json!({
            "title": title, "description": (number % 5 != 4).then_some(text), "completed": number % 2 == 1,
            "priority": priority, "due": due.get(number % 4), "tags": tags_of(number),
        });
        commands.push(json!({"op": "create", "task": task}));
    }
    let made = post(user, "/batch", &json!({"commands": commands})).await.expect(200);
    let made = made["results"].as_array().unwrap();
    wait(app);
    relocate(user, &made[7], &json!({"before": made[0]["id"]})).await.expect(200);
    wait(app);
    relocate(user, &made[3], &json!({"after": made[11]["id"]})).await.expect(200);
    patch(user, &made[9], &json!({"completed": true})).await.expect(200);
    delete(user, &made[5]).await;
}

fn tags_of(number: usize) -> Vec<&'static str> {
    match number % 6 {
        0 => vec![],
        1 => vec!["home", "Práce, doma"],
        2 => vec!["=1", "'", "\"x\""],
        3 => vec!["'"],
        4 => vec!["-1", "a b"],
        _ => vec!["@home"],
    }
}

/// The names of a table's columns.
const NAMES: [&str; 11] = [
    "id",
    "title",
    "description",
    "completed",
    "completedAt",
    "priority",
    "due",
    "tags",
    "position",
    "createdAt",
    "updatedAt",
];

/// A row of a table that is exported: every cell is in quotes.
fn row(cells: &[&str; 11]) -> String {
    format!("\"{}\"\r\n", cells.join("\",\""))
}

/// The list without what is another user's.
async fn content(user: &TestUser) -> Value {
    let mut list = page(user, "?limit=1000").await;
    for task in list["tasks"].as_array_mut().unwrap() {
        let task = task.as_object_mut().unwrap();
        task.retain(|name, _| name != "userId" && name != "version");
    }
    list["tasks"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_exported_and_imported_into_an_empty_one_is_the_same_list() {
    let (app, ada) = ada().await;
    fill(&app, &ada).await;
    let files = [export(&ada, "json").await, export(&ada, "csv").await];
    let count = AWKWARD.len() + UNTRIMMED.len() - 1;
    for (index, content_type) in ["application/json", "text/csv"].into_iter().enumerate() {
        let other = app.sign_up(&format!("eve{index}@example.com")).await;
        wait(&app);
        let reply = import(&other, content_type, files[index].clone()).await;
        let all = json!({"created": count, "changed": 0, "unchanged": 0, "version": v(count)});
        assert_eq!((reply.expect(200), reply.header("etag")), (all, tag(count)));
        assert_eq!(content(&other).await, content(&ada).await);
        assert_eq!([export(&other, "json").await, export(&other, "csv").await], files);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn importing_a_list_again_changes_nothing() {
    let (app, ada) = ada().await;
    fill(&app, &ada).await;
    let (list, before) = (page(&ada, "").await, events(&app).await);
    let same =
        json!({"created": 0, "changed": 0, "unchanged": list["total"], "version": list["version"]});
    for (format, content_type) in [("json", "application/json"), ("csv", "text/csv")] {
        wait(&app);
        let file = export(&ada, format).await;
        assert_eq!(import(&ada, content_type, file).await.expect(200), same);
    }
    assert_eq!((page(&ada, "").await, events(&app).await), (list, before));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_survives_a_restart_to_the_letter() {
    let (mut app, ada) = ada().await;
    fill(&app, &ada).await;
    let files = [export(&ada, "json").await, export(&ada, "csv").await];
    app.restart().await;
    assert_eq!([export(&ada, "json").await, export(&ada, "csv").await], files);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_everything_there_is_of_a_task() {
    let (_app, ada) = ada().await;
    let milk = json!({"title": "Milk, \"fresh\"", "description": "=2", "completed": true, "priority": "high",
                      "due": "2026-12-24", "tags": ["home", "shop"]});
    let milk = ada.create(&milk).await.expect(201);
    let bread = ada.create_task("Bread").await;
    let reply = ada.list("/export").await;
    let full = json!({
        "id": milk["id"], "title": "Milk, \"fresh\"", "description": "=2", "completed": true, "completedAt": NOW,
        "priority": "high", "due": "2026-12-24", "tags": ["home", "shop"], "position": "i0000000",
        "createdAt": NOW, "updatedAt": NOW,
    });
    let plain = json!({
        "id": bread["id"], "title": "Bread", "completed": false, "priority": "none", "tags": [],
        "position": "i0000001", "createdAt": NOW, "updatedAt": NOW,
    });
    assert_eq!(reply.expect(200), json!({"tasks": [full, plain]}));
    let headers = |reply: &Reply| {
        ["content-type", "content-disposition", "cache-control"]
            .map(|name| reply.header(name).to_owned())
    };
    let expected = ["application/json", "attachment; filename=\"tasks.json\"", "no-store"];
    assert_eq!(headers(&reply), expected);
    let reply = ada.list("/export?format=csv").await;
    let milk = [
        id(&milk),
        "Milk, \"\"fresh\"\"",
        "'=2",
        "true",
        NOW,
        "high",
        "2026-12-24",
        "home;shop",
        "i0000000",
        NOW,
        NOW,
    ];
    let bread = [id(&bread), "Bread", "", "false", "", "none", "", "", "i0000001", NOW, NOW];
    assert_eq!(reply.text, [row(&NAMES), row(&milk), row(&bread)].concat());
    let expected = ["text/csv", "attachment; filename=\"tasks.csv\"", "no-store"];
    assert_eq!(headers(&reply), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_exported_and_imported_too() {
    let (app, ada) = ada().await;
    assert_eq!(export(&ada, "json").await, "{\"tasks\":[\n]}\n");
    assert_eq!(export(&ada, "csv").await, row(&NAMES));
    let nothing = json!({"created": 0, "changed": 0, "unchanged": 0, "version": v(0)});
    for (format, content_type) in [("json", "application/json"), ("csv", "text/csv; charset=utf-8")]
    {
        let file = export(&ada, format).await;
        assert_eq!(import(&ada, content_type, file).await.expect(200), nothing);
    }
    assert_eq!(event_count(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_somebody_made_needs_only_titles_in_columns_of_any_order() {
    let (_app, ada) = ada().await;
    let table = "\u{feff}priority,title,tags,due,completed\n\
                 high,Milk,home;shop,2026-12-24,TRUE\n\
                 ,\"Bread, butter\",,,\n";
    let reply = import(&ada, "Text/CSV", table).await.expect(200);
    assert_eq!(reply, json!({"created": 2, "changed": 0, "unchanged": 0, "version": v(2)}));
    let list = page(&ada, "").await;
    let milk = json!({"title": "Milk", "priority": "high", "tags": ["home", "shop"], "due": "2026-12-24",
                      "completed": true, "completedAt": NOW});
    let bread = json!({"title": "Bread, butter", "position": "i0000001", "version": v(2)});
    let tasks = [shown(&ada, &list["tasks"][0], &milk), shown(&ada, &list["tasks"][1], &bread)];
    assert_eq!(list["tasks"], json!(tasks));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_a_file_without_an_id_is_added_and_one_with_an_id_of_the_list_makes_that_one_like_it()
 {
    let (app, ada) = ada().await;
    let [milk, bread] = tasks(&ada, ["Milk", "Bread"]).await;
    wait(&app);
    let file = json!({"tasks": [
        {"title": "Tea", "createdAt": "2020-02-29T12:00:00.123456+02:00", "completedAt": "2021-01-01T00:00:00Z"},
        {"id": milk["id"], "title": "Oat milk", "tags": ["home"]},
        {"id": bread["id"], "title": "Bread"},
    ]});
    let reply = import(&ada, "application/json", file.to_string()).await;
    let counts = json!({"created": 1, "changed": 1, "unchanged": 1, "version": v(4)});
    assert_eq!((reply.expect(200), reply.header("etag")), (counts, tag(4)));
    let list = page(&ada, "").await;
    let changed = json!({"title": "Oat milk", "tags": ["home"], "updatedAt": "2026-01-01T00:00:01.000Z",
                         "version": v(4)});
    let since = "2020-02-29T10:00:00.123Z";
    let tea = json!({"title": "Tea", "completed": true, "completedAt": "2021-01-01T00:00:00.000Z",
                     "createdAt": since, "updatedAt": since, "position": "i0000002", "version": v(3)});
    // The list is in the order of creation.
    let tea = shown(&ada, &list["tasks"][0], &tea);
    assert_eq!(list["tasks"], json!([tea, with(&milk, &changed), bread]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_in_the_order_that_another_task_has_is_not_taken_from_it() {
    let (_app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let file = json!({"tasks": [
        {"title": "Tea", "position": "i0000000"},
        {"title": "First", "position": "h0000000"},
        {"title": "First too", "position": "h0000000"},
    ]});
    import(&ada, "application/json", file.to_string()).await.expect(200);
    let order = page(&ada, "?sort=position").await;
    assert_eq!(titles(&order), ["First", "Milk", "Tea", "First too"]);
    assert_eq!(order["tasks"][1], milk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_task_comes_back_with_its_file() {
    let (app, ada) = ada().await;
    fill(&app, &ada).await;
    let (file, list) = (export(&ada, "csv").await, content(&ada).await);
    for task in page(&ada, "").await["tasks"].as_array().unwrap() {
        delete(&ada, task).await;
    }
    import(&ada, "text/csv", file.clone()).await.expect(200);
    assert_eq!((export(&ada, "csv").await, content(&ada).await), (file, list));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_json_or_csv_and_says_which() {
    let (app, ada) = ada().await;
    let refused =
        "The body must be JSON or CSV: send it with Content-Type: application/json or text/csv";
    for content_type in ["", "text/plain", "application/vnd.ms-excel", "multipart/form-data"] {
        let reply = import(&ada, content_type, "title\nMilk\n").await;
        reply.expect_problem(415, "UNSUPPORTED_MEDIA_TYPE", refused);
    }
    let format = ada.list("/export?format=xml").await;
    format.expect_invalid(&[("format", "FORMAT_INVALID", "must be one of the documented values")]);
    assert_eq!(event_count(&app).await, 0);
}
