//! One's own tasks.

use serde_json::json;

use super::{Browser, between, problem};
use crate::app::TestApp;

#[tokio::test]
async fn a_task_is_added_completed_and_opened_again_without_a_script() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    let added = browser.post(&tasks, &[("title", " Buy <milk> ")]).await;
    assert_eq!((added.status.as_u16(), added.header("location")), (303, tasks.as_str()));
    for (asks, counts, title) in [
        (
            "true",
            "<span id=\"count-open\">1</span> open, <span id=\"count-completed\">0</span> done",
            "Complete",
        ),
        (
            "false",
            "<span id=\"count-open\">0</span> open, <span id=\"count-completed\">1</span> done",
            "Open again",
        ),
        (
            "true",
            "<span id=\"count-open\">1</span> open, <span id=\"count-completed\">0</span> done",
            "Complete",
        ),
    ] {
        let page = browser.get(&tasks).await.text;
        assert!(page.contains(counts), "{page}");
        assert!(page.contains(&format!("{title}: Buy &#60;milk&#62;</span>")), "{page}");
        let action =
            between(&page, "<form class=\"check\" method=\"post\" action=\"", "\"").to_owned();
        let form = between(&page, "name=\"completed\" value=\"", "\"").to_owned();
        assert_eq!(form, asks);
        let done = browser.post(&action, &[("completed", &form)]).await;
        assert_eq!((done.status.as_u16(), done.header("location")), (303, tasks.as_str()));
    }
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
async fn what_is_not_there_cannot_be_completed() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    for task in ["01a20571-9d1a-781e-b1ae-30a74da2d439", "nothing"] {
        let page = browser.post(&format!("{tasks}/{task}"), &[("completed", "true")]).await;
        assert_eq!(page.status, 404);
        assert!(page.text.contains("<h1>There is nothing here</h1>"));
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
        .post("/login", &[("email", "ada@example.com"), ("password", crate::user::PASSWORD)])
        .await;
    let tasks = browser.own_tasks().await;
    let page = browser.get(&tasks).await.text;
    let titles: Vec<_> = page
        .split("<p class=\"title\">")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    let shown: Vec<_> = (0..100).map(|number| format!("Task {number}")).collect();
    assert_eq!(titles[..100], shown);
    assert!(page.contains("20 more are shown with JavaScript."));
}
