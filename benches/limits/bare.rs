//! The limit of a request: a bare poem server in a process of its own that routes the request's path and returns the same
//! bytes, and does nothing else.
//!
//! It has what Keyfold's server has: the same runtime, the same allocator, the same way to accept connections.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use keyfold::app::server::serving;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use poem::{Body, EndpointExt, Response, Route, endpoint::make_sync, get};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::process::Child;

use crate::itself;

/// An answer to be given again and again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    path: String,
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    /// What a server answers.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn to(request: reqwest::RequestBuilder) -> anyhow::Result<Self> {
        let response = request.send().await?;
        let path = response.url().path().to_owned();
        // These two are added by the HTTP implementation to every answer.
        let own = |name: &str| name != "date" && name != "content-length";
        let headers = response.headers().iter().filter(|(name, _)| own(name.as_str()));
        let headers = headers
            .map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned())))
            .collect::<anyhow::Result<_>>()?;
        let status = response.status().as_u16();
        Ok(Self { path, status, headers, body: response.text().await? })
    }

    /// Whether it refuses what was asked.
    pub fn is_refusal(&self) -> bool {
        self.status >= 400
    }

    fn response(&self) -> anyhow::Result<(StatusCode, HeaderMap, bytes::Bytes)> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
        }
        Ok((StatusCode::from_u16(self.status)?, headers, self.body.clone().into()))
    }
}

/// A bare server that runs.
#[derive(Debug)]
pub struct BareServer {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub url: String,
}

impl BareServer {
    /// Starts one that gives this answer.
    ///
    /// # Errors
    ///
    /// When it does not come to serve.
    pub async fn start(name: &str, answer: &Answer) -> anyhow::Result<Self> {
        let file = crate::scratch()?.join(format!("{name}.answer"));
        std::fs::write(&file, serde_json::to_vec(answer)?)?;
        let (child, url) = itself::serving(&[OsStr::new(crate::BARE), file.as_os_str()]).await?;
        Ok(Self { child, url })
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }
}

/// Serves the answer in a file until the process is killed.
///
/// # Errors
///
/// When it cannot.
pub async fn serve(file: &Path) -> anyhow::Result<()> {
    let answer: Answer = serde_json::from_slice(&std::fs::read(file)?)?;
    let (status, headers, body) = answer.response()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    crate::print(&format!("http://{}\n", listener.local_addr()?))?;
    let endpoint = make_sync(move |_| {
        let mut response = Response::builder().status(status).body(Body::from_bytes(body.clone()));
        *response.headers_mut() = headers.clone();
        response
    });
    let route = Route::new().at(answer.path, get(endpoint));
    Ok(serving::serve(listener, route.map_to_response()).await?)
}
