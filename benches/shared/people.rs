//! People who use the server that is measured.

use std::sync::LazyLock;

use anyhow::Context;
use serde_json::{Value, json};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// What everybody writes down.
pub const TASK: &str =
    r#"{"title":"Buy milk on the way home","description":"Two litres of the fresh one"}"#;

static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);

/// The client that prepares what is measured.
pub fn client() -> &'static reqwest::Client {
    &CLIENT
}

/// Somebody signed in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their identifier.
    pub id: String,
    /// Their address.
    pub email: String,
    /// Their access token.
    pub access_token: String,
    /// Their session token.
    pub session_token: String,
}

impl Person {
    /// Signs somebody up, under an address that nobody has yet.
    ///
    /// # Errors
    ///
    /// When the server does not.
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

    /// Signs several people up.
    ///
    /// # Errors
    ///
    /// When the server does not.
    pub async fn sign_up_many(url: &str, count: usize) -> anyhow::Result<Vec<Self>> {
        let mut people = Vec::with_capacity(count);
        for _ in 0..count {
            people.push(Self::sign_up(url).await?);
        }
        Ok(people)
    }

    /// The path of their tasks.
    pub fn tasks(&self) -> String {
        format!("/api/{}/tasks", self.id)
    }

    /// The value of `Authorization` with their access token.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.access_token)
    }

    /// Their session cookie.
    pub fn cookie(&self) -> String {
        format!("better-auth.session_token={}", self.session_token)
    }

    /// Adds tasks.
    ///
    /// # Errors
    ///
    /// When the server does not.
    pub async fn create_tasks(&self, url: &str, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            self.create_task(url).await?;
        }
        Ok(())
    }

    /// Adds a task, and says which.
    ///
    /// # Errors
    ///
    /// When the server does not.
    pub async fn create_task(&self, url: &str) -> anyhow::Result<String> {
        let request = CLIENT.post(format!("{url}{}", self.tasks())).bearer_auth(&self.access_token);
        let request = request.header("content-type", "application/json").body(TASK);
        let task: serde_json::Value = request.send().await?.error_for_status()?.json().await?;
        let id = task.pointer("/id").and_then(serde_json::Value::as_str);
        id.map(str::to_owned).context("a task has no id")
    }
}
