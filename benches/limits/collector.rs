//! An OpenTelemetry collector in its own process that accepts everything and stores nothing.

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
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::itself;

/// A collector that runs until the value is dropped.
#[derive(Debug)]
pub struct Collector {
    _child: Child,
    /// Endpoint for OTLP: `http://127.0.0.1:PORT`
    pub url: String,
}

impl Collector {
    /// Starts a collector.
    ///
    /// # Errors
    ///
    /// If the collector does not start serving.
    pub async fn start() -> anyhow::Result<Self> {
        let (child, url) = itself::serving(&[crate::COLLECT]).await?;
        Ok(Self { _child: child, url })
    }
}

/// Accepts telemetry until the process is killed.
///
/// # Errors
///
/// If the port cannot be served.
pub async fn collect() -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    crate::print(&format!("http://{}\n", listener.local_addr()?))?;
    let router = Server::builder()
        .add_service(TraceServiceServer::new(Nothing))
        .add_service(LogsServiceServer::new(Nothing))
        .add_service(MetricsServiceServer::new(Nothing));
    Ok(router.serve_with_incoming(TcpListenerStream::new(listener)).await?)
}

/// The three OTLP services, which discard all they receive.
struct Nothing;

#[tonic::async_trait]
impl TraceService for Nothing {
    async fn export(
        &self,
        _request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Nothing {
    async fn export(
        &self,
        _request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Nothing {
    async fn export(
        &self,
        _request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
