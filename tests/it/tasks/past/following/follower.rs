//! A client that follows a list.

use keyfold::eventlog::Point;
use reqwest::RequestBuilder;
use serde_json::{Map, Value};

use crate::support::app::{TestApp, v};
use crate::support::user::TestUser;

/// Reads server-sent events.
pub(super) struct Follower {
    pub(super) response: reqwest::Response,
    text: Vec<u8>,
}

impl Follower {
    /// Follows a user's list on a server with their access token, after a version if there is one.
    pub(super) async fn of(app: &TestApp, user: &TestUser, after: Option<i64>) -> Self {
        let request = request(app, user, "").bearer_auth(&user.token);
        Self::begin(match after {
            Some(number) => request.header("last-event-id", v(number)),
            None => request,
        })
        .await
    }

    pub(super) async fn begin(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self { response, text: Vec::new() }
    }

    /// The next change and the number of its id; nothing when the stream has ended.
    pub(super) async fn next(&mut self) -> Option<(i64, Value)> {
        loop {
            if let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.text.drain(..end + 2).collect();
                let event = String::from_utf8(event).unwrap();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                // Comments have no id.
                let Some(id) = field("id: ") else { continue };
                let change = serde_json::from_str(field("data: ").unwrap()).unwrap();
                return Some((id.parse::<Point>().unwrap().number, change));
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text.extend_from_slice(&chunk);
        }
    }

    /// The versions of the next changes.
    pub(super) async fn versions(&mut self, count: usize) -> Vec<i64> {
        let mut versions = Vec::new();
        while versions.len() < count {
            versions.push(self.next().await.expect("the stream goes on").0);
        }
        versions
    }
}

/// A request to follow a user's list, without credentials.
pub(super) fn request(app: &TestApp, user: &TestUser, query: &str) -> RequestBuilder {
    let path = user.tasks(&format!("/events{query}"));
    reqwest::Client::new().get(format!("{}{path}", app.url()))
}

/// Applies a change to a list, by task: `after` is a merge patch.
pub(super) fn apply(list: &mut Map<String, Value>, change: &Value) {
    let task = change["taskId"].as_str().unwrap().to_owned();
    let Some(after) = change["after"].as_object() else {
        list.remove(&task).expect("a task that is deleted was there");
        return;
    };
    let fields = list.entry(task).or_insert_with(|| Value::Object(Map::new()));
    for (name, value) in after {
        fields[name] = value.clone();
    }
}
