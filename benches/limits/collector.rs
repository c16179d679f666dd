//! A collector in a process of its own that takes everything and keeps nothing.

use std::process::Stdio;

use anyhow::Context;
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
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// A collector that runs until it is dropped.
#[derive(Debug)]
pub struct Collector {
    _child: Child,
    /// `http://127.0.0.1:PORT`
    pub url: String,
}

impl Collector {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// When it does not come to serve.
    pub async fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(crate::COLLECT)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = child.stdout.take().context("the collector has no output")?;
        let url = BufReader::new(out).lines().next_line().await?;
        Ok(Self { _child: child, url: url.context("the collector does not serve")? })
    }
}

/// Takes what comes until the process is killed.
///
/// # Errors
///
/// When it cannot.
pub async fn collect() -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    crate::print(&format!("http://{}\n", listener.local_addr()?))?;
    let router = Server::builder()
        .add_service(TraceServiceServer::new(Nothing))
        .add_service(LogsServiceServer::new(Nothing))
        .add_service(MetricsServiceServer::new(Nothing));
    Ok(router.serve_with_incoming(TcpListenerStream::new(listener)).await?)
}

/// What is kept.
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
