//! The whole journey of a new user, through the API alone.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, tag, v};
use crate::support::user::{PASSWORD, TestUser};

const NOW: &str = "2026-01-01T00:00:00.000Z";
const IN_A_WEEK: &str = "2026-01-08T00:00:00.000Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_signs_up_keeps_tasks_and_signs_out() {
    let app = TestApp::spawn().await;

    let body = json!({"email": "Ada@Example.com", "password": PASSWORD, "name": " Ada "});
    let signed_up =
        app.post("/api/auth/signup").header("user-agent", "test").json(&body).send().await;
    let answer = signed_up.expect(201);
    let (user_id, session_id) = (answer["user"]["id"].clone(), answer["session"]["id"].clone());
    let user = json!({
        "id": user_id, "email": "ada@example.com", "emailVerified": false, "name": "Ada",
        "createdAt": NOW, "updatedAt": NOW,
    });
    let session = json!({
        "id": session_id, "userId": user_id, "expiresAt": IN_A_WEEK,
        "createdAt": NOW, "updatedAt": NOW, "userAgent": "test",
    });
    let mut started = session.clone();
    started["token"] = answer["session"]["token"].clone();
    let expected = json!({
        "user": user, "session": started, "token": answer["token"], "tokenType": "Bearer", "expiresIn": 900,
    });
    assert_eq!(answer, expected);

    let cookie =
        format!("better-auth.session_token={}", answer["session"]["token"].as_str().unwrap());
    let kept = format!("{cookie}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(signed_up.header("set-cookie"), kept);
    let current = app.get("/api/auth/session").header("cookie", &cookie).send().await;
    assert_eq!(current.expect(200), json!({"user": user, "session": session}));

    let fresh = app.get("/api/auth/token").header("cookie", &cookie).send().await.expect(200);
    let ada = TestUser::sign_in(&app.url(), "ADA@example.com").await;
    let ada = ada.with_token(fresh["token"].as_str().unwrap());
    assert_eq!(fresh, json!({"token": ada.token, "tokenType": "Bearer", "expiresIn": 900}));

    keeps_tasks(&ada).await;

    let out = app.post("/api/auth/signout").header("cookie", &cookie).send().await;
    assert_eq!(out.expect(200), json!({"success": true}));
    let cleared = "better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax";
    assert_eq!(out.header("set-cookie"), cleared);
    let refused = ada.list("").await;
    refused.expect_problem(401, "SESSION_ENDED", "The session has ended");
}

/// Creates, reads, replaces, changes and deletes.
async fn keeps_tasks(ada: &TestUser) {
    let created = ada.create(&json!({"title": " Milk ", "description": "Two litres"})).await;
    let milk = created.expect(201);
    let path = ada.tasks(&format!("/{}", milk["id"].as_str().unwrap()));
    assert_eq!((created.header("location"), created.header("etag")), (&*path, tag(1)));
    let expected = json!({
        "id": milk["id"], "userId": ada.id, "title": "Milk", "description": "Two litres", "completed": false,
        "completedAt": null, "priority": "none", "due": null, "tags": [], "position": "i0000000",
        "createdAt": NOW, "updatedAt": NOW, "version": v(1),
    });
    assert_eq!(milk, expected);
    assert_eq!(ada.request(Method::GET, &path).send().await.expect(200), milk);

    let done = ada.request(Method::PATCH, &path).json(&json!({"completed": true}));
    let done = done.send().await.expect(200);
    assert_eq!(done, with(&milk, &json!({"completed": true, "completedAt": NOW, "version": v(2)})));
    let bare = ada.request(Method::PUT, &path).json(&json!({"title": "Oat milk"}));
    let bare = bare.send().await.expect(200);
    let changes = json!({"title": "Oat milk", "description": null, "version": v(3)});
    assert_eq!(bare, with(&milk, &changes));
    let all = json!({
        "tasks": [bare], "nextCursor": null, "total": 1, "counts": {"open": 1, "completed": 0}, "version": v(3),
    });
    assert_eq!(ada.list("").await.expect(200), all);

    assert_eq!(ada.request(Method::DELETE, &path).send().await.expect(204), Value::Null);
    let gone = ada.request(Method::GET, &path).send().await;
    gone.expect_problem(404, "TASK_NOT_FOUND", "There is no such task");
    let none = json!({
        "tasks": [], "nextCursor": null, "total": 0, "counts": {"open": 0, "completed": 0}, "version": v(4),
    });
    assert_eq!(ada.list("").await.expect(200), none);
}

fn with(task: &Value, changes: &Value) -> Value {
    let mut task = task.clone();
    task.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    task
}
