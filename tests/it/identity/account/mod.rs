//! One's own account: the profile and the password.

mod password;
mod password_alone;
mod password_halfway;
mod profile;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp, TestRequest};
use crate::support::user::TestUser;

/// A password to change to.
const ANOTHER: &str = "a longer and better password";

fn cookie(user: &TestUser) -> String {
    format!("better-auth.session_token={}", user.session_token)
}

fn change_profile(app: &TestApp) -> TestRequest {
    app.request(Method::PATCH, "/api/auth/profile")
}

fn change_password(app: &TestApp, from: &str, to: &str) -> TestRequest {
    let body = json!({"currentPassword": from, "newPassword": to});
    app.post("/api/auth/password").json(&body)
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> Reply {
    let body = json!({"email": email, "password": password});
    app.post("/api/auth/signin").json(&body).send().await
}

/// Adds the credential of a session to a request.
type Prove = fn(TestRequest, &TestUser) -> TestRequest;

/// Cookie and session token: an access token does not prove enough to change an account.
const PROOFS: [Prove; 2] = [
    |request, user| request.header("cookie", &cookie(user)),
    |request, user| request.bearer(&user.session_token),
];

/// Type, data and context of each event of an account after its creation.
async fn history(app: &TestApp) -> Vec<Value> {
    let events = "select coalesce(json_agg(json_build_array(type, data, context - 'traceparent') order by position), '[]')::text
                  from events where stream like 'account-%' and type <> 'AccountCreated'";
    serde_json::from_str(&app.query_text(events).await).unwrap()
}

/// Context of the events that a user causes.
fn context(user: &TestUser) -> Value {
    json!({"userId": user.id, "sessionId": user.session_id, "clientAddress": "127.0.0.1"})
}
