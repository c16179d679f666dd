//! A user of the server.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestRequest};

pub const PASSWORD: &str = "correct horse battery staple";

/// A signed-in user.
#[derive(Debug, Clone)]
pub struct TestUser {
    url: String,
    pub id: String,
    pub email: String,
    /// The access token.
    pub token: String,
    /// The session token.
    pub session_token: String,
    pub session_id: String,
}

impl TestUser {
    pub async fn sign_up(url: &str, email: &str) -> Self {
        let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
        let reply =
            TestRequest::new(Method::POST, url, "/api/auth/signup").json(&body).send().await;
        Self::signed_in(url, &reply.expect(201))
    }

    pub async fn sign_in(url: &str, email: &str) -> Self {
        let body = json!({"email": email, "password": PASSWORD});
        let reply =
            TestRequest::new(Method::POST, url, "/api/auth/signin").json(&body).send().await;
        Self::signed_in(url, &reply.expect(200))
    }

    /// The user in the body of an answer to a sign-up or sign-in.
    pub fn signed_in(url: &str, body: &Value) -> Self {
        let text =
            |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        Self {
            url: url.to_owned(),
            id: text("/user/id"),
            email: text("/user/email"),
            token: text("/token"),
            session_token: text("/session/token"),
            session_id: text("/session/id"),
        }
    }

    /// The head of a `POST` below this user's tasks, for tests that send a body by hand.
    pub fn head(&self, rest: &str, content_type: &str, length: usize) -> String {
        format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n",
            self.tasks(rest),
            self.token
        )
    }

    /// This user at the URL of another server.
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// This user with another access token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// A request with the access token, or about the account with the session token.
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        let is_account = ["profile", "password", "sessions", "signout"];
        let is_account =
            is_account.iter().any(|rest| path.starts_with(&format!("/api/auth/{rest}")));
        let token = if is_account { &self.session_token } else { &self.token };
        TestRequest::new(method, &self.url, path).bearer(token)
    }

    /// Path of the user's tasks, or of something below it: `tasks("")`, `tasks("/id")`, `tasks("?limit=1")`.
    pub fn tasks(&self, rest: &str) -> String {
        format!("/api/{}/tasks{rest}", self.id)
    }

    pub async fn list(&self, query: &str) -> Reply {
        self.request(Method::GET, &self.tasks(query)).send().await
    }

    /// Titles of the first page.
    pub async fn titles(&self) -> Vec<String> {
        let page = self.list("?limit=1000").await.expect(200);
        page["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["title"].as_str().unwrap().to_owned())
            .collect()
    }

    pub async fn create(&self, body: &Value) -> Reply {
        self.request(Method::POST, &self.tasks("")).json(body).send().await
    }

    /// A new task with this title.
    pub async fn create_task(&self, title: &str) -> Value {
        self.create(&json!({"title": title})).await.expect(201)
    }

    pub async fn sign_out(&self) -> Reply {
        self.request(Method::POST, "/api/auth/signout").send().await
    }
}
