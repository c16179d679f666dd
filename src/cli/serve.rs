//! `keyfold serve`: runs the server until a signal, or until a part of it ends.

use anyhow::bail;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, Running, Seams};
use crate::config::Config;

/// Signals that stop the server, and those that would kill it if they were not handled.
struct Signals {
    /// SIGTERM, SIGINT and SIGQUIT: each stops the server.
    stopping: [Signal; 3],
    /// SIGHUP, SIGUSR1 and SIGUSR2: each is logged, and has no other effect.
    ignored: [Signal; 3],
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let [terminate, interrupt, quit] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()].map(signal);
        let [hangup, first, second] =
            [SignalKind::hangup(), SignalKind::user_defined1(), SignalKind::user_defined2()]
                .map(signal);
        Ok(Self { stopping: [terminate?, interrupt?, quit?], ignored: [hangup?, first?, second?] })
    }

    /// Waits for a signal that stops the server.
    async fn next(&mut self) {
        let [terminate, interrupt, quit] = &mut self.stopping;
        let [hangup, first, second] = &mut self.ignored;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = quit.recv() => return,
                _ = hangup.recv() => "SIGHUP",
                _ = first.recv() => "SIGUSR1",
                _ = second.recv() => "SIGUSR2",
            };
            tracing::info!(
                "{name} ignored: the configuration is read at start only; SIGTERM stops the server"
            );
        }
    }
}

/// Serves until SIGTERM, SIGQUIT or Ctrl-C; a second signal skips the graceful stop.
pub(super) async fn serve(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let is_disabled = config.telemetry.opentelemetry.is_disabled;
    let nowhere = if is_disabled { "OTEL_SDK_DISABLED" } else { "KEYFOLD_METRICS_LISTEN" };
    let mut running = tokio::select! {
        started = Box::pin(App::start(config, Seams::default())) => started?,
        // Started parts are dropped: the private cluster stops because its lifeline closes.
        () = signals.next() => return Ok(()),
    };
    announce(&running, nowhere)?;
    tokio::select! {
        () = signals.next() => {}
        part = running.failed() => {
            tracing::error!(%part, "a part of the server ended unexpectedly; stopping");
            running.stop().await;
            bail!("{part} ended unexpectedly");
        }
    }
    tracing::info!("stopping; a second signal skips the graceful shutdown");
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
