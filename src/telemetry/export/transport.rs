//! Transport to a collector: connections, TLS on them, and the headers of every request.
//!
//! OTLP over gRPC and over HTTP share it, so that both trust the same roots, authenticate in the same way, and report the
//! same failures. Requests over HTTP run in the runtime in which telemetry was started, whichever thread sends them: the
//! SDK's threads have no runtime.
//!
//! Invariant: a request ends within its time limit, from the name lookup to the last byte of the answer. Over gRPC the
//! connection has as much time in addition.

use std::error::Error;
use std::fmt::{self, Debug};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, async_trait};

use crate::telemetry::settings::{ClientFiles, OtlpSettings};

/// Most bytes of a collector's answer that are read.
const ANSWER: usize = 64 * 1_024;

/// Returns the channel of OTLP over gRPC; it connects when it first has something to send.
pub(super) fn channel(config: &OtlpSettings) -> anyhow::Result<Channel> {
    let uri: Uri = config.endpoint.url().as_str().parse()?;
    let connector = builder(config)?.enable_http2().wrap_connector(tcp());
    let endpoint = Endpoint::from(uri).timeout(config.time_limit);
    Ok(endpoint.connect_timeout(config.time_limit).connect_with_connector_lazy(connector))
}

type Builder = HttpsConnectorBuilder<hyper_rustls::builderstates::WantsProtocols1>;

fn builder(config: &OtlpSettings) -> anyhow::Result<Builder> {
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls(config)?).https_or_http())
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}

/// TLS configuration: trusted roots and the client's certificate. The provider is given explicitly, as everywhere.
fn tls(config: &OtlpSettings) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if config.endpoint.is_secure() {
        roots.add_parsable_certificates(trusted(config.trusted.as_deref())?);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    match &config.client {
        Some(files) if config.endpoint.is_secure() => {
            let ClientFiles { certificate, key } = files;
            let private = PrivateKeyDer::from_pem_file(key)
                .with_context(|| format!("{} holds no private key", key.display()))?;
            let proof = builder.with_client_auth_cert(certificates(certificate)?, private);
            proof.with_context(|| {
                format!("{} is not the key of {}", key.display(), certificate.display())
            })
        }
        Some(_) | None => Ok(builder.with_no_client_auth()),
    }
}

fn trusted(file: Option<&Path>) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let Some(file) = file else {
        // A store with a few unreadable entries is normal, as long as some root is left to check against.
        let roots = rustls_native_certs::load_native_certs().certs;
        ensure!(!roots.is_empty(), "the system has no root certificates, and no others are named");
        return Ok(roots);
    };
    certificates(file)
}

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let unusable = || format!("{} holds no certificates", file.display());
    let read = CertificateDer::pem_file_iter(file).with_context(unusable)?;
    let certificates = read.collect::<Result<Vec<_>, _>>().with_context(unusable)?;
    ensure!(!certificates.is_empty(), unusable());
    Ok(certificates)
}

/// Headers of every request over gRPC, instead of those that the exporter would read from the environment.
#[derive(Debug, Clone)]
pub(super) struct Metadata(MetadataMap);

impl Metadata {
    pub(super) fn of(config: &OtlpSettings) -> Self {
        Self(MetadataMap::from_headers(config.headers.iter().cloned().collect()))
    }
}

impl Interceptor for Metadata {
    fn call(&mut self, request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        let (metadata, extensions, message) = request.into_parts();
        let mut said = self.0.clone();
        if let (None, Some(agent)) = (said.get("user-agent"), metadata.get("user-agent")) {
            said.insert("user-agent", agent.clone());
        }
        Ok(tonic::Request::from_parts(said, extensions, message))
    }
}

/// Detail of the last failed request, for exporters whose errors do not have it.
#[derive(Debug, Clone, Default)]
pub(super) struct Cause(Arc<Mutex<Option<String>>>);

impl Cause {
    fn set(&self, cause: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }

    /// Takes the detail, so that it is reported once.
    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// HTTP client of the exporters, with the configured headers and time limit.
pub(super) struct OverHttp {
    /// Pooled client with the configured TLS.
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Configured headers, which replace those that the exporter reads from the environment.
    headers: HeaderMap,
    /// Time limit of a whole request.
    time_limit: Duration,
    /// Runtime that sends the requests, because the SDK's threads have none.
    runtime: Handle,
    /// Detail of the last failure, shared with the exporter's report.
    cause: Cause,
}

impl OverHttp {
    pub(super) fn of(config: &OtlpSettings, runtime: Handle) -> anyhow::Result<Self> {
        let connector = builder(config)?.enable_http1().wrap_connector(tcp());
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            headers: config.headers.iter().cloned().collect(),
            time_limit: config.time_limit,
            runtime,
            cause: Cause::default(),
        })
    }

    /// Returns the shared detail of the last failure.
    pub(super) fn cause(&self) -> Cause {
        self.cause.clone()
    }

    /// Completes a request with the configured headers. Those that the exporter read from the environment are dropped.
    fn complete(&self, request: Request<Bytes>) -> Request<Full<Bytes>> {
        let (mut parts, body) = request.into_parts();
        let mut said = HeaderMap::new();
        for name in [CONTENT_TYPE, CONTENT_ENCODING, USER_AGENT] {
            said.extend(parts.headers.remove(&name).map(|value| (name, value)));
        }
        said.extend(self.headers.clone());
        parts.headers = said;
        Request::from_parts(parts, Full::new(body))
    }
}

impl Debug for OverHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverHttp").field("time_limit", &self.time_limit).finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for OverHttp {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = exchange(self.client.clone(), self.complete(request));
        let time_limit = self.time_limit;
        // The calling thread has no runtime, which connections and timers need.
        let limited = async move { tokio::time::timeout(time_limit, exchange).await };
        let result = match self.runtime.spawn(limited).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_elapsed)) => Err("the collector did not answer in time".into()),
            Err(ended) => Err(ended.into()),
        };
        self.cause.set(result.as_ref().err().map(|error| chain(&**error)));
        result
    }
}

async fn exchange(
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, HttpError> {
    let (parts, body) = client.request(request).await?.into_parts();
    // The body of a refusal may echo the request, and would be logged.
    let body = if parts.status.is_success() {
        Limited::new(body, ANSWER).collect().await?.to_bytes()
    } else {
        Bytes::new()
    };
    Ok(Response::from_parts(parts, body))
}

/// Joins an error and its causes in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| Error::source(*error));
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
