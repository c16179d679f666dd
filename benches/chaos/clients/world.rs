//! Environment of the clients: addresses of the cluster, a function that sends requests, and the recorder.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::checker::history::{Outcome, Span};
use crate::clients::recorder::{Recorder, Tally};
use crate::cluster::Addresses;

/// Timeout of a client's request; nginx has a slightly shorter one.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// State shared by all clients.
#[derive(Debug)]
pub struct World {
    /// Addresses of the cluster.
    pub addresses: Addresses,
    /// Records of all clients.
    pub recorder: Recorder,
    http: reqwest::Client,
}

/// Route of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Through nginx, to the nodes in turn.
    InTurn,
    /// Through nginx, to the user's node by consistent hash.
    ByUser,
    /// Directly to the node with this index.
    Node(usize),
}

/// Credential of a request.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// Anonymous request.
    None,
    /// An access token or a session token, in `Authorization`.
    Bearer(&'a str),
    /// A session token, in its cookie.
    Cookie(&'a str),
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// HTTP method.
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    /// Credential to send.
    pub credential: Credential<'a>,
    /// JSON body, if any.
    pub body: Option<Value>,
    /// Timeout for the response.
    pub patience: Duration,
}

/// Result of a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Interval from just before sending to just after the response.
    pub span: Span,
    /// Response, or reason for its absence.
    pub heard: Heard,
}

/// Response of the server, or reason for its absence.
#[derive(Debug, Clone)]
pub enum Heard {
    /// A response: status and body.
    Answer(u16, Value),
    /// The connection failed, so the request was never sent.
    NotSent,
    /// The request was sent and no response arrived.
    Nothing,
}

impl<'a> Ask<'a> {
    /// A request without a body, with the default timeout.
    pub fn new(method: Method, path: &'a str, credential: Credential<'a>) -> Self {
        Self { method, path, credential, body: None, patience: PATIENCE }
    }

    /// Adds a JSON body.
    pub fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Sets the timeout.
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

impl World {
    /// An environment without users.
    ///
    /// # Errors
    ///
    /// If no HTTP client can be built.
    pub fn new(addresses: Addresses) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Ok(Self { addresses, recorder: Recorder::new(), http: http.build()? })
    }

    /// All routes: each node directly, and both ports of nginx.
    pub fn doors(&self) -> Vec<Door> {
        let nodes = (0..self.addresses.nodes.len()).map(Door::Node);
        nodes.chain([Door::InTurn, Door::ByUser]).collect()
    }

    /// Sends a request and waits for its response.
    pub async fn send(&self, door: Door, ask: Ask<'_>) -> Reply {
        let base = match door {
            Door::InTurn => self.addresses.in_turn.as_str(),
            Door::ByUser => self.addresses.by_user.as_str(),
            Door::Node(node) => self.addresses.nodes.get(node).map_or("", String::as_str),
        };
        let url = format!("{base}{}", ask.path);
        let mut request = self.http.request(ask.method, url).timeout(ask.patience);
        request = match ask.credential {
            Credential::None => request,
            Credential::Bearer(token) => request.bearer_auth(token),
            Credential::Cookie(token) => {
                request.header("cookie", format!("better-auth.session_token={token}"))
            }
        };
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let begun = self.recorder.now();
        let heard = heard(request).await;
        let reply = Reply { span: Span { begun, ended: self.recorder.now() }, heard };
        self.recorder.tally(Tally {
            span: reply.span,
            outcome: reply.outcome(),
            refused: matches!(reply.status(), Some(400..=499)),
            unexpected: reply.status().is_some_and(|status| status == 500 || status == 400),
        });
        reply
    }
}

async fn heard(request: reqwest::RequestBuilder) -> Heard {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Heard::NotSent,
        Err(_) => return Heard::Nothing,
    };
    let status = response.status().as_u16();
    match response.bytes().await {
        Ok(bytes) => Heard::Answer(status, serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(_) => Heard::Nothing,
    }
}

impl Reply {
    /// Status of the response, if there is one.
    pub fn status(&self) -> Option<u16> {
        match self.heard {
            Heard::Answer(status, _) => Some(status),
            Heard::NotSent | Heard::Nothing => None,
        }
    }

    /// Body of the response; `null` without one.
    pub fn body(&self) -> &Value {
        match &self.heard {
            Heard::Answer(_, body) => body,
            Heard::NotSent | Heard::Nothing => &Value::Null,
        }
    }

    /// Error code of the response; empty without one.
    pub fn code(&self) -> &str {
        self.body().get("code").and_then(Value::as_str).unwrap_or_default()
    }

    /// Outcome of the requested change. A server that responds "unavailable" or "overloaded" guarantees that nothing was
    /// changed; nginx, without a response from a node, guarantees nothing.
    pub fn outcome(&self) -> Outcome {
        match self.heard {
            Heard::Answer(200..=299, _) => Outcome::Done,
            Heard::NotSent | Heard::Answer(400..=499, _) => Outcome::Failed,
            Heard::Answer(503, _) if ["UNAVAILABLE", "OVERLOADED"].contains(&self.code()) => {
                Outcome::Failed
            }
            Heard::Nothing | Heard::Answer(..) => Outcome::Unknown,
        }
    }

    /// Returns true if the credential was refused because its session has ended.
    pub fn is_refused(&self) -> bool {
        self.status() == Some(401) && self.code() == "SESSION_ENDED"
    }

    /// Returns true if the credential was accepted, even if the rest of the request failed.
    pub fn is_accepted(&self) -> bool {
        matches!(self.status(), Some(200..=299 | 404 | 409))
    }
}
