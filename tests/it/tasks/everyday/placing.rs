//! The manual order.

use serde_json::{Value, json};

use super::*;

/// The titles in the manual order.
async fn order(user: &TestUser) -> Vec<String> {
    let page = page(user, "?sort=position&limit=1000").await;
    titles(&page).into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_moved_before_or_after_another_without_rewriting_the_list() {
    let (mut app, ada) = ada().await;
    let [a, b, c, d] = tasks(&ada, ["a", "b", "c", "d"]).await;
    let everything = [&a, &b, &c, &d];
    for (version, (moved, place, expected)) in (5..).zip([
        (&d, json!({"before": id(&a)}), ["d", "a", "b", "c"]),
        (&d, json!({"after": id(&a)}), ["a", "d", "b", "c"]),
        (&a, json!({"after": id(&c)}), ["d", "b", "c", "a"]),
        (&c, json!({"before": id(&b)}), ["d", "c", "b", "a"]),
        (&a, json!({"before": id(&c)}), ["d", "a", "c", "b"]),
    ]) {
        let mut before = Vec::new();
        for task in everything {
            before.push(get(&ada, task).await);
        }
        wait(&app);
        let reply = relocate(&ada, moved, &place).await;
        let now = reply.expect(200);
        assert_eq!(reply.header("etag"), tag(version));
        let was = before.iter().find(|task| task["id"] == moved["id"]).unwrap();
        let time = app.clock().now().to_string();
        let changes =
            json!({"position": now["position"], "updatedAt": time, "version": v(version)});
        assert_eq!(now, with(was, &changes));
        assert_ne!(now["position"], was["position"]);
        assert_eq!(order(&ada).await, expected);
        for others in before.iter().filter(|task| task["id"] != moved["id"]) {
            assert_eq!(get(&ada, others).await, *others);
        }
    }
    app.restart().await;
    assert_eq!(order(&ada).await, ["d", "a", "c", "b"]);
    assert_eq!(event_count(&app).await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_stands_there_already_stays_and_so_does_one_beside_itself() {
    let (app, ada) = ada().await;
    let [a, b, _c] = tasks(&ada, ["a", "b", "c"]).await;
    for (task, place) in [
        (&a, json!({"before": id(&b)})),
        (&b, json!({"after": id(&a)})),
        (&a, json!({"before": id(&a)})),
        (&b, json!({"after": id(&b)})),
    ] {
        assert_eq!(relocate(&ada, task, &place).await.expect(200), *task);
    }
    assert_eq!(event_count(&app).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_moves_into_one_gap_as_one_likes_keep_the_order() {
    let (mut app, ada) = ada().await;
    let [first, b, c, _last] = tasks(&ada, ["first", "b", "c", "last"]).await;
    let step = |task: &Value| json!({"op": "move", "id": id(task), "after": id(&first)});
    // Each comes to stand between the first one and the one that came there before.
    let commands: Vec<_> = (0..500).map(|round| step([&b, &c][round % 2])).collect();
    let reply = post(&ada, "/batch", &json!({"commands": commands})).await.expect(200);
    assert_eq!(reply["results"].as_array().unwrap().len(), 500);
    assert_eq!(order(&ada).await, ["first", "c", "b", "last"]);
    relocate(&ada, &b, &json!({"after": id(&first)})).await.expect(200);
    app.restart().await;
    assert_eq!(order(&ada).await, ["first", "b", "c", "last"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_task_comes_last_in_the_order_also_after_a_task_was_moved_there_or_deleted() {
    let (_app, ada) = ada().await;
    let [a, b] = tasks(&ada, ["a", "b"]).await;
    relocate(&ada, &a, &json!({"after": id(&b)})).await.expect(200);
    let c = ada.create_task("c").await;
    assert_eq!(order(&ada).await, ["b", "a", "c"]);
    delete(&ada, &c).await;
    ada.create_task("d").await;
    // A restored task comes back to its place.
    post(&ada, &format!("/{}/restore", id(&c)), &json!({})).await.expect(200);
    assert_eq!(order(&ada).await, ["b", "a", "c", "d"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_stands_only_beside_one_of_the_same_list() {
    let (app, ada) = ada().await;
    let eve = app.sign_up("eve@example.com").await;
    let (milk, eves) = (ada.create_task("Milk").await, eve.create_task("Eve's").await);
    let gone = ada.create_task("Gone").await;
    delete(&ada, &gone).await;
    let before = events(&app).await;
    for name in ["before", "after"] {
        for other in [id(&eves), id(&gone), "nonsense", ""] {
            let reply = relocate(&ada, &milk, &json!({name: other})).await;
            let code = format!("{}_UNKNOWN", name.to_uppercase());
            reply.expect_invalid(&[(name, &code, "must be a task of this list")]);
        }
    }
    let missing = expected::no_task();
    for moved in [&gone, &eves] {
        let reply = relocate(&ada, moved, &json!({"before": id(&milk)})).await;
        assert_eq!(problem(&reply, 404), missing);
    }
    assert_eq!(events(&app).await, before);
}
