//! Collector in this process that keeps the requests it receives, or refuses them: OTLP over gRPC and over HTTP on one port,
//! in the clear or over TLS.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::Response as HttpResponse;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tonic::body::Body;
use tonic::codegen::{CompressionEncoding, Service};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// Requests received so far.
#[derive(Default)]
struct Received {
    asked: Vec<Asked>,
    resources: Vec<Resource>,
    spans: Vec<Span>,
    records: Vec<LogRecord>,
    /// Metrics of the latest request.
    metrics: Vec<Metric>,
}

/// Head of a request, without its body.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
}

impl Asked {
    /// Returns the value of a header; an empty one if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Services of the collector.
#[derive(Clone, Default)]
struct Services {
    refuse: bool,
    received: Arc<Mutex<Received>>,
}

impl Services {
    fn received(&self) -> Result<MutexGuard<'_, Received>, Status> {
        if self.refuse {
            return Err(Status::resource_exhausted("refused"));
        }
        Ok(self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn routes(&self) -> Routes {
        let gzip = CompressionEncoding::Gzip;
        Routes::new(TraceServiceServer::new(self.clone()).accept_compressed(gzip))
            .add_service(LogsServiceServer::new(self.clone()).accept_compressed(gzip))
            .add_service(MetricsServiceServer::new(self.clone()).accept_compressed(gzip))
    }

    async fn answer(self, request: hyper::Request<Incoming>) -> HttpResponse<Body> {
        let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
        let of_type = |kind: &str| {
            let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            named.is_some_and(|named| named.starts_with(kind))
        };
        let kept = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        { kept }.asked.push(Asked { path: path.clone(), headers: headers.clone() });
        if of_type("application/grpc") {
            return self.routes().call(request).await.unwrap();
        }
        assert!(of_type("application/x-protobuf"), "{headers:?}");
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body = if headers.get(CONTENT_ENCODING).is_some_and(|it| it == "gzip") {
            let mut whole = Vec::new();
            GzDecoder::new(&*body).read_to_end(&mut whole).unwrap();
            whole.into()
        } else {
            body
        };
        let kept = if path.ends_with("logs") {
            self.keep_records(ExportLogsServiceRequest::decode(body).unwrap())
        } else if path.ends_with("metrics") {
            self.keep_metrics(ExportMetricsServiceRequest::decode(body).unwrap())
        } else {
            self.keep_spans(ExportTraceServiceRequest::decode(body).unwrap())
        };
        let status = if kept.is_ok() { 200 } else { 429 };
        // An answer without any part is empty.
        let nothing = Body::new(Full::new(Bytes::new()));
        HttpResponse::builder().status(status).body(nothing).unwrap()
    }

    fn keep_spans(&self, request: ExportTraceServiceRequest) -> Result<(), Status> {
        let mut received = self.received()?;
        for part in request.resource_spans {
            received.resources.extend(part.resource);
            received.spans.extend(part.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
        Ok(())
    }

    fn keep_records(&self, request: ExportLogsServiceRequest) -> Result<(), Status> {
        let mut received = self.received()?;
        for part in request.resource_logs {
            received.resources.extend(part.resource);
            let records = part.scope_logs.into_iter().flat_map(|scope| scope.log_records);
            received.records.extend(records);
        }
        Ok(())
    }

    fn keep_metrics(&self, request: ExportMetricsServiceRequest) -> Result<(), Status> {
        let mut received = self.received()?;
        received.metrics.clear();
        for part in request.resource_metrics {
            received.resources.extend(part.resource);
            let metrics = part.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            received.metrics.extend(metrics);
        }
        Ok(())
    }
}

/// Collector that runs until it is dropped.
pub(super) struct Collector {
    pub(super) address: SocketAddr,
    services: Services,
    _server: JoinSet<()>,
}

impl Collector {
    pub(super) async fn start() -> Self {
        Self::start_with(Services::default(), None).await
    }

    pub(super) async fn start_refusing() -> Self {
        Self::start_with(Services { refuse: true, ..Services::default() }, None).await
    }

    /// Starts a collector that accepts TLS only.
    pub(super) async fn start_secure(config: ServerConfig) -> Self {
        Self::start_with(Services::default(), Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start_with(services: Services, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(accept(listener, tls, services.clone()));
        Self { address, services, _server: server }
    }

    pub(super) fn spans(&self) -> Vec<Span> {
        self.kept().spans.clone()
    }

    pub(super) fn records(&self) -> Vec<LogRecord> {
        self.kept().records.clone()
    }

    pub(super) fn metrics(&self) -> Vec<Metric> {
        self.kept().metrics.clone()
    }

    pub(super) fn resources(&self) -> Vec<Resource> {
        self.kept().resources.clone()
    }

    /// Returns the heads of all requests.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.kept().asked.clone()
    }

    /// Returns the requested paths, each once, in alphabetical order.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> = self.asked().into_iter().map(|asked| asked.path).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    fn kept(&self) -> MutexGuard<'_, Received> {
        self.services.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, services: Services) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, services) = (tls.clone(), services.clone());
        connections.spawn(async move {
            match tls {
                Some(tls) => secured(tls, stream, services).await,
                None => serve(stream, services).await,
            }
        });
    }
}

async fn secured(tls: TlsAcceptor, stream: TcpStream, services: Services) {
    // A client that does not trust the collector disconnects.
    if let Ok(stream) = tls.accept(stream).await {
        serve(stream, services).await;
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, services: Services) {
    let answer = service_fn(move |request| {
        let services = services.clone();
        async move { Ok::<_, hyper::Error>(services.answer(request).await) }
    });
    // Connections may end in any way.
    let builder = Builder::new(TokioExecutor::new());
    drop(builder.serve_connection(TokioIo::new(stream), answer).await);
}

#[tonic::async_trait]
impl TraceService for Services {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.keep_spans(request.into_inner())?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Services {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.keep_records(request.into_inner())?;
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Services {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.keep_metrics(request.into_inner())?;
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
