//! The task list over HTTP: pages, filters, changes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp, v};
use crate::support::user::TestUser;

fn titles(page: &Value) -> Vec<&str> {
    page["tasks"].as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap()).collect()
}

async fn with_tasks(count: usize) -> (TestApp, TestUser) {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for number in 0..count {
        ada.create(&json!({"title": format!("task {number}"), "completed": number % 2 == 1}))
            .await
            .expect(201);
    }
    (app, ada)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_in_creation_order_page_by_page() {
    let (_app, ada) = with_tasks(5).await;
    let first = ada.list("?limit=2").await.expect(200);
    assert_eq!((titles(&first), &first["total"]), (vec!["task 0", "task 1"], &json!(5)));
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = ada.list(&format!("?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!((titles(&second), &second["total"]), (vec!["task 2", "task 3"], &json!(5)));
    let cursor = second["nextCursor"].as_str().unwrap();
    let third = ada.list(&format!("?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!((titles(&third), &third["nextCursor"]), (vec!["task 4"], &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_a_hundred_tasks_unless_asked_otherwise() {
    let (_app, ada) = with_tasks(101).await;
    let page = ada.list("").await.expect(200);
    assert_eq!((titles(&page).len(), &page["total"]), (100, &json!(101)));
    assert_eq!(titles(&ada.list("?limit=1000").await.expect(200)).len(), 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_follows_on_after_its_cursors_task_is_deleted() {
    let (_app, ada) = with_tasks(4).await;
    let first = ada.list("?limit=2").await.expect(200);
    let (cursor, last) = (&first["nextCursor"], &first["tasks"][1]["id"]);
    let cursor = cursor.as_str().unwrap();
    let path = ada.tasks(&format!("/{}", last.as_str().unwrap()));
    ada.request(Method::DELETE, &path).send().await.expect(204);
    ada.create_task("task 4").await;
    let rest = ada.list(&format!("?cursor={cursor}")).await.expect(200);
    assert_eq!((titles(&rest), &rest["total"]), (vec!["task 2", "task 3", "task 4"], &json!(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_filtered_and_searched_together() {
    let (_app, ada) = with_tasks(4).await;
    ada.create(&json!({"title": "Žluťoučký kůň", "description": "TASK of a horse"}))
        .await
        .expect(201);
    assert_eq!(titles(&ada.list("?completed=true").await.expect(200)), ["task 1", "task 3"]);
    assert_eq!(titles(&ada.list("?q=ŽLUŤ").await.expect(200)), ["Žluťoučký kůň"]);
    assert_eq!(
        titles(&ada.list("?q=Task&completed=false").await.expect(200)),
        ["task 0", "task 2", "Žluťoučký kůň"]
    );
    let page = ada.list("?q=task&limit=1").await.expect(200);
    assert_eq!((titles(&page), &page["total"]), (vec!["task 0"], &json!(5)));
    assert_eq!(
        ada.list("?q=beer").await.expect(200),
        json!({
            "tasks": [], "nextCursor": null, "total": 0, "counts": {"open": 0, "completed": 0}, "version": v(5),
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_changes_nothing_is_no_event() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("milk").await;
    let path = ada.tasks(&format!("/{}", milk["id"].as_str().unwrap()));
    let events = app.dump("events").await;
    app.clock().advance(std::time::Duration::from_secs(1));
    for request in [
        ada.request(Method::PATCH, &path).json(&json!({})),
        ada.request(Method::PATCH, &path)
            .json(&json!({"title": " milk ", "completed": false, "description": null})),
        ada.request(Method::PUT, &path).json(&json!({"title": "milk"})),
    ] {
        assert_eq!(request.send().await.expect(200), milk);
    }
    assert_eq!(app.dump("events").await, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_is_set_kept_and_taken_away() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("milk").await;
    let path = ada.tasks(&format!("/{}", milk["id"].as_str().unwrap()));
    let change =
        async |body: Value| ada.request(Method::PATCH, &path).json(&body).send().await.expect(200);
    assert_eq!(
        change(json!({"description": " two\nlitres "})).await["description"],
        json!(" two\nlitres ")
    );
    assert_eq!(change(json!({"completed": true})).await["description"], json!(" two\nlitres "));
    assert_eq!(change(json!({"description": null})).await["description"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_moves_the_time_of_change_only() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("milk").await;
    let path = ada.tasks(&format!("/{}", milk["id"].as_str().unwrap()));
    app.clock().advance(std::time::Duration::from_secs(1));
    let done = ada
        .request(Method::PATCH, &path)
        .json(&json!({"completed": true}))
        .send()
        .await
        .expect(200);
    let times = (done["createdAt"].as_str().unwrap(), done["updatedAt"].as_str().unwrap());
    assert_eq!(times, ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:01.000Z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_task_of_this_list_is_not_found() {
    let app = TestApp::spawn().await;
    let (ada, eve) = (app.sign_up("ada@example.com").await, app.sign_up("eve@example.com").await);
    let eves = eve.create_task("eve's").await;
    let missing =
        |reply: Reply| reply.expect_problem(404, "TASK_NOT_FOUND", "There is no such task");
    for id in
        [eves["id"].as_str().unwrap(), "00000000-0000-0000-0000-000000000000", "nonsense", "%00"]
    {
        let path = ada.tasks(&format!("/{id}"));
        missing(ada.request(Method::GET, &path).send().await);
        missing(ada.request(Method::DELETE, &path).send().await);
        missing(ada.request(Method::PATCH, &path).json(&json!({"completed": true})).send().await);
        missing(ada.request(Method::PUT, &path).json(&json!({"title": "mine"})).send().await);
    }
    assert_eq!(eve.titles().await, ["eve's"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_of_any_script_survives_a_restart() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let written =
        ["Žluťoučký kůň", "买牛奶 🥛", "اشتر الحليب", "\u{202e}rtl \"quotes\" \\ / </script>"];
    for text in written {
        ada.create(&json!({"title": text, "description": text})).await.expect(201);
    }
    app.restart().await;
    assert_eq!(ada.titles().await, written);
}
