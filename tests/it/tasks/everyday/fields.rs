//! Fields of a task, and ways to change them.

use reqwest::Method;
use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_task_needs_only_a_title_and_says_everything_else_there_is_of_it() {
    let (_app, ada) = ada().await;
    let reply = ada.create(&json!({"title": " Milk "})).await;
    let milk = reply.expect(201);
    assert_eq!(milk, shown(&ada, &milk, &json!({"title": "Milk"})));
    let headers = (reply.header("location").to_owned(), reply.header("etag").to_owned());
    assert_eq!(headers, (ada.tasks(&format!("/{}", id(&milk))), tag(1).to_owned()));
    assert_eq!(get(&ada, &milk).await, milk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_has_title_description_completed_priority_due_date_tags_and_position() {
    let (mut app, ada) = ada().await;
    let said = json!({
        "title": "Milk", "description": " Two\nlitres ", "completed": true, "priority": "high",
        "due": "2026-12-24", "tags": ["home", " shop "],
    });
    ada.create_task("Bread").await;
    let milk = ada.create(&said).await.expect(201);
    let kept = with(
        &said,
        &json!({"completedAt": NOW, "tags": ["home", "shop"], "position": "i0000001", "version": v(2)}),
    );
    assert_eq!(milk, shown(&ada, &milk, &kept));
    app.restart().await;
    assert_eq!(get(&ada, &milk).await, milk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_says_since_when_it_is_completed() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let done = |completed: bool| json!({"completed": completed});
    wait(&app);
    let at = "2026-01-01T00:00:01.000Z";
    let first = patch(&ada, &milk, &done(true)).await.expect(200);
    let changed = json!({"completed": true, "completedAt": at, "updatedAt": at, "version": v(2)});
    assert_eq!(first, with(&milk, &changed));
    wait(&app);
    assert_eq!(patch(&ada, &milk, &done(true)).await.expect(200), first);
    let later = json!({"completed": false, "completedAt": null, "version": v(3)});
    let open = with(&with(&first, &later), &json!({"updatedAt": "2026-01-01T00:00:02.000Z"}));
    assert_eq!(patch(&ada, &milk, &done(false)).await.expect(200), open);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_has_one_of_the_priorities_none_low_medium_and_high() {
    let (_app, ada) = ada().await;
    for (version, priority) in (1..).zip(["none", "low", "medium", "high"]) {
        let task = ada.create(&json!({"title": "Milk", "priority": priority})).await.expect(201);
        let position = format!("i000000{}", version - 1);
        let expected = json!({"priority": priority, "version": v(version), "position": position});
        assert_eq!(task, shown(&ada, &task, &expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_due_on_a_date_or_at_a_date_time_whose_zone_is_kept() {
    let (mut app, ada) = ada().await;
    let mut made = Vec::new();
    for (due, kept) in [
        ("2026-12-24", "2026-12-24"),
        ("2028-02-29", "2028-02-29"),
        ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"),
        ("2026-12-24T18:00:00.123456+05:45", "2026-12-24T18:00:00.123+05:45"),
        ("2026-07-24T18:00[Europe/Prague]", "2026-07-24T18:00:00+02:00[Europe/Prague]"),
        (
            "2026-12-24T18:00:00-05:00[America/New_York]",
            "2026-12-24T18:00:00-05:00[America/New_York]",
        ),
    ] {
        let task = ada.create(&json!({"title": "Milk", "due": due})).await.expect(201);
        assert_eq!(task["due"], json!(kept), "{due}");
        made.push(task);
    }
    app.restart().await;
    assert_eq!(page(&ada, "").await["tasks"], json!(made));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_has_up_to_twenty_tags_in_their_order_and_none_twice() {
    let (_app, ada) = ada().await;
    let tags: Vec<_> = (0..20).map(|number| format!("{}{number:02}", "é".repeat(48))).collect();
    let full = ada.create(&json!({"title": "Full", "tags": tags})).await.expect(201);
    assert_eq!(full, shown(&ada, &full, &json!({"tags": tags})));
    let twice = json!({"tags": [" Home", "práce", "HOME", "Práce ", "home"]});
    let kept = json!({"tags": ["Home", "práce"], "version": v(2)});
    assert_eq!(patch(&ada, &full, &twice).await.expect(200), with(&full, &kept));
}

#[tokio::test(flavor = "multi_thread")]
async fn put_sets_everything_that_people_say_and_leaves_the_place_in_the_order() {
    let (app, ada) = ada().await;
    let [_bread, milk] = tasks(&ada, ["Bread", "Milk"]).await;
    let path = format!("/{}", id(&milk));
    wait(&app);
    let at = "2026-01-01T00:00:01.000Z";
    let said = json!({"title": "Oat milk", "description": "", "completed": true, "priority": "low",
                      "due": "2026-12-24", "tags": ["shop"]});
    let reply = send(&ada, Method::PUT, &path, &said).await;
    let full = with(&said, &json!({"completedAt": at, "updatedAt": at, "version": v(3)}));
    assert_eq!((reply.expect(200), reply.header("etag")), (with(&milk, &full), tag(3)));
    let plain = send(&ada, Method::PUT, &path, &json!({"title": "Milk"})).await.expect(200);
    assert_eq!(plain, with(&milk, &json!({"updatedAt": at, "version": v(4)})));
}

#[tokio::test(flavor = "multi_thread")]
async fn patch_follows_json_merge_patch_absent_stays_and_null_takes_away() {
    let (_app, ada) = ada().await;
    let full = json!({"title": "Milk", "description": "Two litres", "completed": true,
                      "priority": "high", "due": "2026-12-24", "tags": ["home", "shop"]});
    let mut task = ada.create(&full).await.expect(201);
    for (version, (sent, changed)) in (2..).zip([
        (json!({"title": "Oat milk"}), json!({"title": "Oat milk"})),
        (
            json!({"tags": ["home"], "priority": "low"}),
            json!({"tags": ["home"], "priority": "low"}),
        ),
        (json!({"description": null}), json!({"description": null})),
        (json!({"description": ""}), json!({"description": ""})),
        (json!({"completed": null}), json!({"completed": false, "completedAt": null})),
        (json!({"priority": null}), json!({"priority": "none"})),
        (json!({"due": null, "tags": null}), json!({"due": null, "tags": []})),
    ]) {
        task = with(&with(&task, &changed), &json!({"version": v(version)}));
        let path = ada.tasks(&format!("/{}", id(&task)));
        let request = ada.request(Method::PATCH, &path).body(sent.to_string());
        let types = ["application/merge-patch+json", "application/json"];
        let reply = request.header("content-type", types[version % 2]).send().await;
        assert_eq!(reply.expect(200), task, "{sent}");
        assert_eq!(reply.header("etag"), tag(version));
        assert_eq!(get(&ada, &task).await, task);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_changes_nothing_is_answered_with_what_is_there_and_is_no_event() {
    let (app, ada) = ada().await;
    let [milk, bread] = tasks(&ada, ["Milk", "Bread"]).await;
    let before = events(&app).await;
    wait(&app);
    let path = format!("/{}", id(&milk));
    let same = json!({"title": " Milk", "completed": false, "description": null, "due": null,
                      "tags": [], "priority": "none"});
    for (method, rest, body) in [
        (Method::PATCH, path.clone(), json!({})),
        (Method::PATCH, path.clone(), same.clone()),
        (Method::PUT, path.clone(), json!({"title": "Milk"})),
        (Method::POST, format!("{path}/move"), json!({"before": id(&bread)})),
        (Method::POST, format!("{path}/restore"), json!({})),
    ] {
        let reply = send(&ada, method, &rest, &body).await;
        assert_eq!((reply.expect(200), reply.header("etag")), (milk.clone(), tag(1)), "{rest}");
    }
    assert_eq!(events(&app).await, before);
    assert_eq!(page(&ada, "").await["version"], v(2));
}
