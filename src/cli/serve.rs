//! `keyfold serve`: runs the server until a signal, or until a part of it dies.

use anyhow::bail;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, Running, Seams};
use crate::config::Config;

/// The signals that stop the server.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves until SIGTERM or Ctrl-C; a second one skips the waiting.
pub(super) async fn serve(config: Config) -> anyhow::Result<()> {
    let mut signals = StopSignals::listen()?;
    let is_disabled = config.telemetry.opentelemetry.is_disabled;
    let nowhere = if is_disabled { "OTEL_SDK_DISABLED" } else { "KEYFOLD_METRICS_LISTEN" };
    let mut running = tokio::select! {
        started = App::start(config, Seams::default()) => started?,
        // What was started is dropped: the private cluster stops when its lifeline closes.
        () = signals.next() => return Ok(()),
    };
    announce(&running, nowhere)?;
    tokio::select! {
        () = signals.next() => {}
        part = running.failed() => {
            tracing::error!(%part, "a part of the server ended; stopping");
            running.stop().await;
            bail!("{part} ended unexpectedly");
        }
    }
    tracing::info!("stopping; a second signal skips the waiting");
    tokio::select! {
        () = running.stop() => tracing::info!("stopped"),
        () = signals.next() => bail!("stopped without waiting"),
    }
    Ok(())
}

fn announce(running: &Running, nowhere: &str) -> anyhow::Result<()> {
    let origin = running.origin();
    let metrics = running.metrics().map_or_else(|| format!("nowhere ({nowhere})"), str::to_owned);
    tracing::info!(address = %running.address(), "listening");
    super::print(&format!(
        "\nKeyfold is running.\n\n  \
           Start page    {origin}/\n  \
           API explorer  {origin}/docs\n  \
           API           {origin}/api\n  \
           OpenAPI       {origin}/openapi.json\n  \
           JWKS          {origin}/.well-known/jwks.json\n  \
           Metrics       {metrics}\n\n\
         Press Ctrl-C to stop.\n\n",
    ))
}
