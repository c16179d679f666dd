//! Upper bound for a read: a bare poem server in its own process that routes the request's path and returns the response
//! bytes recorded from Keyfold, and does nothing else.
//!
//! It runs on Keyfold's async runtime, allocator and accept loop, so that only the application's work differs.

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

/// Response to be returned to every request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    path: String,
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    /// Records the response of a server to this request.
    ///
    /// # Errors
    ///
    /// If the server does not respond.
    pub async fn to(request: reqwest::RequestBuilder) -> anyhow::Result<Self> {
        let response = request.send().await?;
        let path = response.url().path().to_owned();
        // The HTTP implementation adds these two headers to every response.
        let own = |name: &str| name != "date" && name != "content-length";
        let headers = response.headers().iter().filter(|(name, _)| own(name.as_str()));
        let headers = headers
            .map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned())))
            .collect::<anyhow::Result<_>>()?;
        let status = response.status().as_u16();
        Ok(Self { path, status, headers, body: response.text().await? })
    }

    /// Returns true for an error status (4xx or 5xx).
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

/// A running bare server.
#[derive(Debug)]
pub struct BareServer {
    child: Child,
    /// Base URL: `http://127.0.0.1:PORT`
    pub url: String,
}

impl BareServer {
    /// Starts a bare server that returns this response.
    ///
    /// # Errors
    ///
    /// If the server does not start serving.
    pub async fn start(name: &str, answer: &Answer) -> anyhow::Result<Self> {
        let file = crate::scratch()?.join(format!("{name}.answer"));
        std::fs::write(&file, serde_json::to_vec(answer)?)?;
        let (child, url) = itself::serving(&[OsStr::new(crate::BARE), file.as_os_str()]).await?;
        Ok(Self { child, url })
    }

    /// Process id of the server.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }
}

/// Serves the response stored in a file until the process is killed.
///
/// # Errors
///
/// If the file cannot be read or the port cannot be served.
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
