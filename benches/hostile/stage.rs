//! Environment of an attack: address of the server, HTTP clients, and counters of results.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::BoxFuture;
use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::people::Person;

/// The server under attack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    /// Base URL: `http://127.0.0.1:PORT`
    pub url: String,
    /// Data directory of the server.
    pub data: PathBuf,
    /// Path of the server program.
    pub program: PathBuf,
}

/// Handle shared by all parts of one attack. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stage(Arc<Inner>);

/// Contents of a [`Stage`].
#[derive(Debug)]
pub struct Inner {
    /// The server under attack.
    pub target: Target,
    /// HTTP client with a long timeout.
    pub http: reqwest::Client,
    /// HTTP client that uses a new connection for each request.
    stranger: reqwest::Client,
    /// Source address of the attackers.
    source: IpAddr,
    heard: Mutex<BTreeMap<String, u64>>,
}

/// A prepared attack: can be played repeatedly, and stops on drop of the future.
pub type Play = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Timeout of an attacker's request.
const PATIENCE: Duration = Duration::from_secs(30);
/// Timeout of a readiness check.
const LOOK: Duration = Duration::from_secs(2);
/// Pause after a failed connection.
const UNREACHABLE: Duration = Duration::from_millis(20);

impl Deref for Stage {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Stage {
    /// A stage for this server.
    ///
    /// # Errors
    ///
    /// If no HTTP client can be built.
    pub fn new(target: Target) -> anyhow::Result<Self> {
        let source = source();
        let http = reqwest::Client::builder().timeout(PATIENCE).local_address(source).build()?;
        let stranger =
            reqwest::Client::builder().timeout(LOOK).pool_max_idle_per_host(0).build()?;
        Ok(Self(Arc::new(Inner { target, http, stranger, source, heard: Mutex::default() })))
    }

    /// Signs up an attacking user.
    ///
    /// # Errors
    ///
    /// If the server rejects the sign-up.
    pub async fn person(&self) -> anyhow::Result<Person> {
        Person::sign_up(&self.target.url).await
    }

    /// Signs up several attacking users.
    ///
    /// # Errors
    ///
    /// If the server rejects the sign-up.
    pub async fn people(&self, count: usize) -> anyhow::Result<Vec<Person>> {
        Person::sign_up_many(&self.target.url, count).await
    }

    /// Version of a user's list.
    ///
    /// # Errors
    ///
    /// If the response has no version.
    pub async fn version(&self, person: &Person) -> anyhow::Result<String> {
        let list = self.url(&format!("{}?limit=1", person.tasks()));
        let request = self.http.get(list).bearer_auth(&person.access_token);
        let page: serde_json::Value = request.send().await?.error_for_status()?.json().await?;
        let version = page.pointer("/version").and_then(serde_json::Value::as_str);
        version.map(str::to_owned).context("a list has no version")
    }

    /// URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.target.url)
    }

    /// Socket address of the server.
    ///
    /// # Errors
    ///
    /// If the URL is invalid.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        let address = self.target.url.strip_prefix("http://").context("the URL is not of HTTP")?;
        Ok(address.parse()?)
    }

    /// Opens a session on the server's database.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    pub async fn database(&self) -> anyhow::Result<Client> {
        let connection = crate::server::database(&self.target.data).await?;
        let link = connection.connect().await?;
        link.client.batch_execute("set statement_timeout = 0").await?;
        Ok(link.client)
    }

    /// Counts a result.
    pub fn hear(&self, what: &str) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        *heard.entry(what.to_owned()).or_default() += 1;
    }

    /// Text of all results so far, the most frequent first.
    pub fn account(&self) -> String {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut heard: Vec<_> = heard.iter().collect();
        heard.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let parts: Vec<_> =
            heard.iter().take(5).map(|(what, count)| format!("{what} × {count}")).collect();
        parts.join(", ")
    }

    /// Sends a request and counts its status.
    pub async fn send(&self, request: RequestBuilder) {
        match request.send().await {
            Ok(response) => {
                self.hear(response.status().as_str());
                drop(response.bytes().await);
            }
            Err(error) => {
                self.hear(if error.is_timeout() { "no answer" } else { "closed" });
                tokio::time::sleep(UNREACHABLE).await;
            }
        }
    }

    /// Checks readiness over a new connection and counts the result.
    pub async fn look_whether_ready(&self) {
        let ready = self.stranger.get(self.url("/health/ready")).send().await;
        let status = ready.map_or(0, |answer| answer.status().as_u16());
        self.hear(&if status == 0 {
            "ready unanswered".to_owned()
        } else {
            format!("ready {status}")
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    /// Opens a connection from the attackers' address.
    pub async fn connect(&self) -> Option<TcpStream> {
        let connected = tokio::time::timeout(PATIENCE, self.connect_from(self.source)).await;
        let connected = connected.ok().and_then(Result::ok);
        if connected.is_none() {
            self.hear("not connected");
            tokio::time::sleep(UNREACHABLE).await;
        }
        connected
    }

    /// Opens a connection from a client address other than the attackers'.
    pub async fn connect_as_another(&self) -> Option<TcpStream> {
        self.connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST)).await.ok()
    }

    async fn connect_from(&self, source: IpAddr) -> anyhow::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        Ok(socket.connect(self.address()?).await?)
    }

    /// Opens a connection and sends these bytes.
    pub async fn connect_and_send(&self, bytes: &[u8]) -> Option<TcpStream> {
        let mut connection = self.connect().await?;
        if connection.write_all(bytes).await.is_err() {
            self.hear("closed");
            return None;
        }
        Some(connection)
    }
}

/// Source address for attackers: another loopback address than that of the honest clients, so that the server sees different
/// clients; the honest clients' address if the system has only one.
fn source() -> IpAddr {
    const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
    let has_other = TcpListener::bind((OTHER, 0)).is_ok();
    IpAddr::V4(if has_other { OTHER } else { Ipv4Addr::LOCALHOST })
}

/// An attack without preparation.
pub fn ready(play: Play) -> BoxFuture<'static, anyhow::Result<Play>> {
    Box::pin(std::future::ready(Ok(play)))
}

/// Reads until the other side closes or fails.
pub async fn read_to_end(connection: &mut TcpStream) {
    let mut buffer = vec![0; 16 * 1024];
    while matches!(connection.read(&mut buffer).await, Ok(read) if read > 0) {}
}

/// Waits until the play is dropped.
pub async fn hold() {
    std::future::pending::<()>().await;
}

/// Attack by `count` tasks that run concurrently, each in a loop.
pub fn crowd<F, A>(count: usize, act: F) -> Play
where
    F: Fn(usize) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    Box::new(move || {
        let act = act.clone();
        Box::pin(async move {
            let mut crowd = JoinSet::new();
            for number in 0..count {
                let act = act.clone();
                crowd.spawn(async move {
                    loop {
                        act(number).await;
                        tokio::task::yield_now().await;
                    }
                });
            }
            while crowd.join_next().await.is_some() {}
        })
    })
}

/// Attack that starts `per_second` tasks a second, whatever their duration.
pub fn paced<F, A>(per_second: u32, act: F) -> Play
where
    F: Fn(usize) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    /// Upper bound of tasks in flight.
    const MOST: usize = 4_000;
    Box::new(move || {
        let act = act.clone();
        Box::pin(async move {
            let mut clock = tokio::time::interval(Duration::from_secs(1) / per_second);
            let mut begun = JoinSet::new();
            for number in 0.. {
                clock.tick().await;
                while begun.try_join_next().is_some() {}
                if begun.len() < MOST {
                    begun.spawn(act(number));
                }
            }
        })
    })
}
