//! One's own tasks.

use serde_json::json;

use super::{Browser, between, problem};
use crate::support::app::TestApp;

#[tokio::test]
async fn a_task_is_added_completed_and_opened_again_without_a_script() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    let added = browser.post(&tasks, &[("title", " Buy <milk> ")]).await;
    assert_eq!((added.status.as_u16(), added.header("location")), (303, tasks.as_str()));
    for (asks, open, completed) in [("true", 1, 0), ("false", 0, 1), ("true", 1, 0)] {
        let page = browser.get(&tasks).await.text;
        let counts = ["open", "completed"]
            .map(|name| between(&page, &format!("id=\"count-{name}\">"), "<").to_owned());
        assert_eq!(counts, [open.to_string(), completed.to_string()]);
        assert!(page.contains("Complete: Buy &#60;milk&#62;</span>"), "{page}");
        let pressed = between(&page, "aria-pressed=\"", "\"");
        assert_eq!(pressed, (completed == 1).to_string());
        let action = between(&page, "<form class=\"completes\" method=\"post\" action=\"", "\"");
        let form = between(&page, "name=\"completed\" value=\"", "\"");
        assert_eq!(form, asks);
        let done = browser.post(action, &[("completed", form)]).await;
        assert_eq!((done.status.as_u16(), done.header("location")), (303, tasks.as_str()));
    }
}

#[tokio::test]
async fn a_task_with_a_priority_and_a_due_date_is_added_and_deleted_without_a_script() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    let form = [("title", "Taxes"), ("priority", "high"), ("due", "2026-12-24")];
    browser.post(&tasks, &form).await;
    let page = browser.get(&tasks).await.text;
    let badges = between(&page, "<p class=\"badges\" data-badges>", "</p>");
    assert_eq!(
        badges.trim(),
        "<span class=\"badge high\">high</span><span class=\"badge\">due 2026-12-24</span>"
    );
    let action = between(&page, "<form class=\"deletes\" method=\"post\" action=\"", "\"");
    let deleted = browser.post(action, &[]).await;
    assert_eq!((deleted.status.as_u16(), deleted.header("location")), (303, tasks.as_str()));
    let page = browser.get(&tasks).await.text;
    assert!(page.contains("Nothing here yet"), "{page}");
    let wrong = [("title", "Taxes"), ("priority", "urgent"), ("due", "tomorrow")];
    let page = browser.post(&tasks, &wrong).await;
    assert_eq!(page.status, 400);
    assert_eq!(problem(&page.text, "priority"), "Priority must be none, low, medium or high");
    assert!(problem(&page.text, "due").starts_with("Due must be a date such as 2026-12-24"));
    assert!(page.text.contains("value=\"Taxes\"") && page.text.contains("value=\"tomorrow\""));
}

#[tokio::test]
async fn a_title_that_is_none_is_said_beside_it_and_kept() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    let long = "é".repeat(201);
    for (title, said) in
        [(" ", "Title must not be empty"), (&*long, "Title must have at most 200 characters")]
    {
        let page = browser.post(&tasks, &[("title", title)]).await;
        assert_eq!((page.status.as_u16(), problem(&page.text, "title")), (400, said));
        assert!(page.text.contains(&format!("name=\"title\" type=\"text\" value=\"{title}\"")));
    }
}

#[tokio::test]
async fn what_somebody_else_may_not_see_says_so_and_changes_nothing() {
    let app = TestApp::spawn().await;
    let tasks = Browser::of_ada(&app).await.own_tasks().await;
    let mut bob = Browser::new(&app);
    let entered =
        [("name", "Bob"), ("email", "bob@example.com"), ("password", "bob's own password")];
    bob.post("/signup", &entered).await;
    let nobody = "/tasks/01a20571-9d1a-781e-b1ae-30a74da2d439";
    for path in [&*tasks, nobody, "/tasks/me"] {
        let page = bob.get(path).await;
        assert_eq!(page.status, 403, "{path}");
        assert!(
            page.text.contains("<h1>These tasks belong to somebody else</h1>"),
            "{}",
            page.text
        );
        assert!(page.text.contains("href=\"/tasks\""));
        let added = bob.post(path, &[("title", "Milk")]).await;
        assert_eq!(added.status, 403, "{path}");
    }
    assert_eq!(
        app.query_text("select count(*)::text from events where stream like 'tasks-%'").await,
        "0"
    );
}

#[tokio::test]
async fn what_is_not_there_is_neither_completed_nor_deleted() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    for task in ["01a20571-9d1a-781e-b1ae-30a74da2d439", "nothing"] {
        for path in [format!("{tasks}/{task}"), format!("{tasks}/{task}/delete")] {
            let page = browser.post(&path, &[("completed", "true")]).await;
            assert_eq!(page.status, 404);
            assert!(page.text.contains("<h1>There is nothing here</h1>"));
            assert!(page.text.contains("Sign out"), "who is signed in is told so");
        }
    }
}

#[tokio::test]
async fn the_page_shows_the_beginning_of_a_long_list_in_its_own_order() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let commands: Vec<_> = (0..120)
        .map(|number| json!({"op": "create", "task": {"title": format!("Task {number}")}}))
        .collect();
    ada.request(reqwest::Method::POST, &ada.tasks("/batch"))
        .json(&json!({"commands": commands}))
        .send()
        .await
        .expect(200);
    let mut browser = Browser::new(&app);
    browser
        .post(
            "/login",
            &[("email", "ada@example.com"), ("password", crate::support::user::PASSWORD)],
        )
        .await;
    let tasks = browser.own_tasks().await;
    let page = browser.get(&tasks).await.text;
    let titles: Vec<_> = page
        .split("<p class=\"title\" dir=\"auto\">")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    let shown: Vec<_> = (0..100).map(|number| format!("Task {number}")).collect();
    assert_eq!(titles[..100], shown);
    let more = between(&page, "<a class=\"button plain\" href=\"", "\"").replace("&#38;", "&");
    let page = browser.get(&more).await.text;
    let titles: Vec<_> = page
        .split("<p class=\"title\" dir=\"auto\">")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    let shown: Vec<_> = (100..120).map(|number| format!("Task {number}")).collect();
    assert_eq!(titles[..20], shown);
    let found = browser.get(&format!("{tasks}?q=task+11&sort=created.desc")).await.text;
    assert_eq!(found.matches("<p class=\"title\" dir=\"auto\">Task 11").count(), 11);
    assert!(
        found.contains("value=\"task 11\"") && found.contains("value=\"created.desc\" selected")
    );
    let none = browser.get(&format!("{tasks}?completed=true")).await.text;
    assert!(none.contains("Nothing matches."), "{none}");
}

/// The text that a user has typed is kept: it is worth more to them than the reason of a failure.
#[tokio::test]
async fn what_was_typed_while_nobody_could_take_it_is_kept_to_be_sent_again() {
    let mut app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    let link = app.connection().connect().await.unwrap();
    let rename = async |from: &str, to: &str| {
        let rename = format!("alter table {from} rename to {to}");
        link.client.batch_execute(&rename).await.unwrap();
    };
    // The session is not in memory any more, and cannot be looked up.
    app.restart().await;
    rename("sessions", "lost_sessions").await;
    let page = browser.post(&tasks, &[("title", "Buy \"milk\"")]).await;
    assert_eq!(page.status, 500);
    assert!(page.text.contains("Send again what you typed"), "{}", page.text);
    assert!(page.text.contains(&format!("<form method=\"post\" action=\"{tasks}\">")));
    assert!(page.text.contains("name=\"title\" value=\"Buy &#34;milk&#34;\""));
    let password = browser.post("/account/password", &[("newPassword", "a new secret")]).await;
    assert!(!password.text.contains("a new secret"), "{}", password.text);
    rename("lost_sessions", "sessions").await;
    let added = browser.post(&tasks, &[("title", "Buy \"milk\"")]).await;
    assert_eq!((added.status.as_u16(), added.header("location")), (303, tasks.as_str()));
}
