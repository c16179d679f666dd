//! A list that takes as many bytes as a list may.

use serde_json::json;

use super::*;

/// A user with a full list on a server with little memory.
async fn filled() -> (TestApp, TestUser) {
    let app = TestApp::spawn_with(|config| config.memory.limit = 256_000_000).await;
    let ada = app.sign_up("ada@example.com").await;
    let long = "a".repeat(2_000);
    let task = json!({"title": "long", "description": long});
    import(&ada, "application/json", json!({"tasks": vec![&task; 700]}).to_string())
        .await
        .expect(200);
    loop {
        let create = json!({"op": "create", "task": task});
        let reply = post(&ada, "/batch", &json!({"commands": vec![create; 50]})).await;
        if reply.status != 200 {
            assert_eq!(problem(&reply, 409), too_large());
            break;
        }
    }
    loop {
        let reply = ada.create(&task).await;
        if reply.status != 201 {
            assert_eq!(problem(&reply, 409), too_large());
            return (app, ada);
        }
    }
}

fn too_large() -> Value {
    let message = "The list would exceed its maximum size; nothing was changed";
    json!({"code": "LIST_TOO_LARGE", "message": message})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_as_many_bytes_as_a_list_may_have_refuses_what_makes_it_larger_and_changes_nothing()
 {
    let (app, ada) = filled().await;
    let (before, list) = (event_count(&app).await, page(&ada, "?limit=2").await);
    let (first, second) = (&list["tasks"][0], &list["tasks"][1]);
    let long = "é".repeat(2_000);
    let (longer, task) = (json!({"description": long}), json!({"title": "t", "description": long}));
    let change = json!({"op": "change", "id": id(first), "changes": longer});
    for refused in [
        ada.create(&task).await,
        patch(&ada, first, &longer).await,
        send(&ada, Method::PUT, &format!("/{}", id(first)), &task).await,
        post(&ada, "/batch", &json!({"commands": [change]})).await,
        import(&ada, "application/json", json!({"tasks": [task]}).to_string()).await,
    ] {
        assert_eq!(problem(&refused, 409), too_large());
    }
    assert_eq!((event_count(&app).await, page(&ada, "?limit=2").await), (before, list.clone()));

    // Changes that do not enlarge the list are accepted, and so are undo and redo.
    patch(&ada, first, &json!({"description": null, "title": "short"})).await.expect(200);
    delete(&ada, second).await;
    let restored = json!({"op": "restore", "id": id(second)});
    let fills = json!({"op": "create", "task": task});
    let both = json!({"commands": [fills, restored]});
    assert_eq!(problem(&post(&ada, "/batch", &both).await, 409), too_large());
    for _ in 0..2 {
        ada.request(Method::POST, &ada.tasks("/undo")).send().await.expect(200);
    }
    assert_eq!(seen(&page(&ada, "?limit=2").await), seen(&list));
    for _ in 0..2 {
        ada.request(Method::POST, &ada.tasks("/redo")).send().await.expect(200);
    }
}

/// Title and description of each task of a page.
fn seen(page: &Value) -> Vec<(&Value, &Value)> {
    let tasks = page["tasks"].as_array().unwrap();
    tasks.iter().map(|task| (&task["title"], &task["description"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_list_that_is_larger_than_a_list_may_be_is_read_and_made_smaller() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let task = json!({"title": "long", "description": "a".repeat(2_000)});
    let file = json!({"tasks": vec![&task; 1_500]}).to_string();
    import(&ada, "application/json", file).await.expect(200);
    app.restart_with(|config| config.memory.limit = 256_000_000).await;
    let list = page(&ada, "?limit=1").await;
    assert_eq!(list["total"], 1_500);
    assert_eq!(problem(&ada.create(&task).await, 409), too_large());
    patch(&ada, &list["tasks"][0], &json!({"description": "short"})).await.expect(200);
    delete(&ada, &list["tasks"][0]).await;
    ada.request(Method::POST, &ada.tasks("/undo")).send().await.expect_problem(
        409,
        "LIST_TOO_LARGE",
        "The list would exceed its maximum size; nothing was changed",
    );
}
