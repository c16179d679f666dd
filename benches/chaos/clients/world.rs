//! Where clients live: the cluster's addresses, one way to send a request, and the record of what came of it.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::checker::history::{Outcome, Span};
use crate::clients::recorder::{Recorder, Tally};
use crate::cluster::Addresses;

/// How long a client waits for an answer; nginx waits a little less.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What all clients share.
#[derive(Debug)]
pub struct World {
    /// Where requests can go.
    pub addresses: Addresses,
    /// What is recorded.
    pub recorder: Recorder,
    http: reqwest::Client,
}

/// The way a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Through nginx, to the nodes in turn.
    InTurn,
    /// Through nginx, to the node of the user.
    ByUser,
    /// To a node itself.
    Node(usize),
}

/// What a request says of who sends it.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// Nothing.
    None,
    /// An access token or a session token.
    Bearer(&'a str),
    /// A session token in its cookie.
    Cookie(&'a str),
}

/// A request.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: &'a str,
    /// Who sends it.
    pub credential: Credential<'a>,
    /// Its JSON body, if any.
    pub body: Option<Value>,
    /// How long its answer may take.
    pub patience: Duration,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// From before it was sent to after it was answered.
    pub span: Span,
    /// What was heard.
    pub heard: Heard,
}

/// What was heard of a request.
#[derive(Debug, Clone)]
pub enum Heard {
    /// An answer: status and body.
    Answer(u16, Value),
    /// Nobody was there to send it to.
    NotSent,
    /// It was sent, and no answer came.
    Nothing,
}

impl<'a> Ask<'a> {
    /// A request without a body.
    pub fn new(method: Method, path: &'a str, credential: Credential<'a>) -> Self {
        Self { method, path, credential, body: None, patience: PATIENCE }
    }

    /// The same with a body.
    pub fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// The same from a client that waits this long.
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

impl World {
    /// A world with nobody in it.
    ///
    /// # Errors
    ///
    /// When there is no HTTP client to be had.
    pub fn new(addresses: Addresses) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Ok(Self { addresses, recorder: Recorder::new(), http: http.build()? })
    }

    /// Every way to the nodes.
    pub fn doors(&self) -> Vec<Door> {
        let nodes = (0..self.addresses.nodes.len()).map(Door::Node);
        nodes.chain([Door::InTurn, Door::ByUser]).collect()
    }

    /// Sends a request and waits for its answer.
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
    /// The status of the answer.
    pub fn status(&self) -> Option<u16> {
        match self.heard {
            Heard::Answer(status, _) => Some(status),
            Heard::NotSent | Heard::Nothing => None,
        }
    }

    /// The body of the answer.
    pub fn body(&self) -> &Value {
        match &self.heard {
            Heard::Answer(_, body) => body,
            Heard::NotSent | Heard::Nothing => &Value::Null,
        }
    }

    /// The code of a problem.
    pub fn code(&self) -> &str {
        self.body().get("code").and_then(Value::as_str).unwrap_or_default()
    }

    /// What is known of the change that was asked for. A server that says it is unavailable or overloaded says that it
    /// changed nothing; nginx, when it has no answer from a node, says nothing of the kind.
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

    /// Whether the credential was told to be of a session that has ended.
    pub fn is_refused(&self) -> bool {
        self.status() == Some(401) && self.code() == "SESSION_ENDED"
    }

    /// Whether the credential was accepted, whatever came of the rest.
    pub fn is_accepted(&self) -> bool {
        matches!(self.status(), Some(200..=299 | 404 | 409))
    }
}
