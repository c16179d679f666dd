//! A collector in this process that keeps what it receives, or refuses it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Everything received so far.
#[derive(Default)]
struct Received {
    resources: Vec<Resource>,
    spans: Vec<Span>,
    records: Vec<LogRecord>,
    /// As they were sent last.
    metrics: Vec<Metric>,
}

/// The services of the collector.
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
}

/// A collector that runs until it is dropped.
pub(super) struct Collector {
    pub(super) address: SocketAddr,
    services: Services,
    _server: JoinSet<()>,
}

impl Collector {
    pub(super) async fn start() -> Self {
        Self::start_with(Services::default()).await
    }

    pub(super) async fn start_refusing() -> Self {
        Self::start_with(Services { refuse: true, ..Services::default() }).await
    }

    async fn start_with(services: Services) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Server::builder()
            .add_service(TraceServiceServer::new(services.clone()))
            .add_service(LogsServiceServer::new(services.clone()))
            .add_service(MetricsServiceServer::new(services.clone()));
        let mut server = JoinSet::new();
        server.spawn(async move {
            router.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
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

    fn kept(&self) -> MutexGuard<'_, Received> {
        self.services.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl TraceService for Services {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut received = self.received()?;
        for part in request.into_inner().resource_spans {
            received.resources.extend(part.resource);
            received.spans.extend(part.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Services {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mut received = self.received()?;
        for part in request.into_inner().resource_logs {
            received.resources.extend(part.resource);
            received
                .records
                .extend(part.scope_logs.into_iter().flat_map(|scope| scope.log_records));
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Services {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut received = self.received()?;
        received.metrics.clear();
        for part in request.into_inner().resource_metrics {
            received.resources.extend(part.resource);
            let metrics = part.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            received.metrics.extend(metrics);
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
