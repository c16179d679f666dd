//! Users of the server under measurement.

use std::sync::LazyLock;

use anyhow::Context;
use serde_json::{Value, json};

/// Password of every user.
pub const PASSWORD: &str = "correct horse battery staple";

/// Body of every task creation.
pub const TASK: &str =
    r#"{"title":"Buy milk on the way home","description":"Two litres of the fresh one"}"#;

static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);

/// HTTP client for the preparation of a measurement.
pub fn client() -> &'static reqwest::Client {
    &CLIENT
}

/// A signed-in user.
#[derive(Debug, Clone)]
pub struct Person {
    /// User id.
    pub id: String,
    /// Email address used to sign in.
    pub email: String,
    /// Access token, a JWT.
    pub access_token: String,
    /// Session token, for the cookie.
    pub session_token: String,
}

impl Person {
    /// Signs up a new user under a unique address.
    ///
    /// # Errors
    ///
    /// If the server rejects the sign-up or does not respond.
    pub async fn sign_up(url: &str) -> anyhow::Result<Self> {
        let email = format!("{}@example.com", crate::fresh_name());
        let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
        let answer = CLIENT.post(format!("{url}/api/auth/signup")).json(&body).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        let text = |pointer: &str| {
            let value = answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            value.with_context(|| format!("the answer has no {pointer}"))
        };
        Ok(Self {
            id: text("/user/id")?,
            access_token: text("/token")?,
            session_token: text("/session/token")?,
            email,
        })
    }

    /// Signs up several new users.
    ///
    /// # Errors
    ///
    /// If the server rejects a sign-up or does not respond.
    pub async fn sign_up_many(url: &str, count: usize) -> anyhow::Result<Vec<Self>> {
        let mut people = Vec::with_capacity(count);
        for _ in 0..count {
            people.push(Self::sign_up(url).await?);
        }
        Ok(people)
    }

    /// Path of the user's task list in the API.
    pub fn tasks(&self) -> String {
        format!("/api/{}/tasks", self.id)
    }

    /// Value of the `Authorization` header with the access token.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.access_token)
    }

    /// Value of the `Cookie` header with the session token.
    pub fn cookie(&self) -> String {
        format!("better-auth.session_token={}", self.session_token)
    }

    /// Creates `count` tasks.
    ///
    /// # Errors
    ///
    /// If the server rejects a task or does not respond.
    pub async fn create_tasks(&self, url: &str, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            self.create_task(url).await?;
        }
        Ok(())
    }

    /// Creates a task and returns its id.
    ///
    /// # Errors
    ///
    /// If the server rejects the task or does not respond.
    pub async fn create_task(&self, url: &str) -> anyhow::Result<String> {
        let request = CLIENT.post(format!("{url}{}", self.tasks())).bearer_auth(&self.access_token);
        let request = request.header("content-type", "application/json").body(TASK);
        let task: serde_json::Value = request.send().await?.error_for_status()?.json().await?;
        let id = task.pointer("/id").and_then(serde_json::Value::as_str);
        id.map(str::to_owned).context("a task has no id")
    }
}
