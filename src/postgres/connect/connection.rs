//! Address, credentials and session settings of one database.
//!
//! A [`Connection`] is a value: cheap to clone, opened as often as wanted. Modules that need the database get one and never
//! see a URL, so address, TLS, schema and session limits are decided in one place.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode as Wire};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection_string::ConnectionString;
use super::error::ConnectionError;
use super::hosts;
use super::link::Link;
use super::session;
use super::settings::Settings;
use super::sslmode::SslMode;
use super::tls;
use crate::base::clock::Clock;
use crate::base::id::Id;
use crate::postgres::error::DatabaseError;

/// The driver's half of an open session, which has to be polled for the session to make progress.
type Driver =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Attempt to open a session with one host.
type ConnectAttempt<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, Driver), tokio_postgres::Error>> + Send + 'a>>;

/// Address, credentials and session settings of one database.
#[derive(Clone)]
pub struct Connection {
    /// Driver's part of the connection string, with Keyfold's timeouts filled in.
    config: Config,
    /// Settings that each new session gets by statements.
    settings: Settings,
    /// TLS that the connection string requires; the driver knows only some of libpq's modes.
    sslmode: SslMode,
    /// Verifier of the server's certificate for that mode, made once because it reads root certificates.
    tls: MakeRustlsConnect,
}

impl Connection {
    /// Reads a libpq connection string: a `postgres://` URL or `key=value` settings, with one or several hosts.
    ///
    /// # Errors
    /// Fails with the problem in one sentence, without any part of the string.
    pub fn parse(text: &str) -> Result<Self, ConnectionError> {
        let ConnectionString { mut config, settings, sslmode, sslrootcert } =
            ConnectionString::parse(text)?;
        session::prepare(&mut config);
        if config.get_hosts().is_empty() {
            return Err(ConnectionError::NoHost);
        }
        // As in libpq, sslmode means nothing on a Unix socket.
        let sslmode = if session::is_local(&config) { SslMode::Disable } else { sslmode };
        let tls = tls::connector(sslmode, sslrootcert.as_deref())?;
        Ok(Self { config, settings, sslmode, tls })
    }

    /// Reaches a database through the Unix socket in a directory.
    pub(crate) fn on_socket(
        directory: &Path,
        user: &str,
        database: &str,
    ) -> Result<Self, ConnectionError> {
        let mut config = Config::new();
        config.host_path(directory).user(user).dbname(database);
        session::prepare(&mut config);
        let (sslmode, settings) = (SslMode::Disable, Settings::default());
        Ok(Self { config, settings, sslmode, tls: tls::connector(sslmode, None)? })
    }

    /// Environment variables by which PostgreSQL's own programs reach this database through its Unix socket.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let socket = self.config.get_hosts().iter().find_map(|host| match host {
            Host::Unix(directory) => Some(directory.to_string_lossy().into_owned()),
            Host::Tcp(_) => None,
        });
        let named = [
            ("PGHOST", socket),
            ("PGUSER", self.config.get_user().map(str::to_owned)),
            ("PGDATABASE", self.config.get_dbname().map(str::to_owned)),
        ];
        named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Returns this connection with every session working in one schema.
    #[must_use]
    pub fn with_schema(&self, schema: &str) -> Self {
        let mut connection = self.clone();
        connection.settings.in_schema(schema);
        connection
    }

    /// Opens one dedicated session.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] if no server answers in time, [`DatabaseError::Refused`] if the server refuses.
    pub async fn connect(&self) -> Result<Link, DatabaseError> {
        match tokio::time::timeout(self.open_timeout(), self.open()).await {
            Ok(Ok((client, driver))) => Ok(Link::drive(client, driver)),
            Ok(Err(error)) => Err(DatabaseError::while_connecting(&error)),
            Err(_) => Err(DatabaseError::Unavailable("it took too long to answer".to_owned())),
        }
    }

    /// Driver's configuration, for the pool.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Time limit for opening a session, over all hosts.
    pub(crate) fn open_timeout(&self) -> Duration {
        session::open_timeout(&self.config)
    }

    /// Opens a session with the first host that accepts one.
    pub(crate) async fn open(&self) -> Result<(Client, Driver), tokio_postgres::Error> {
        let attempts: Vec<ConnectAttempt<'_>> = hosts::each(&self.config)
            .into_iter()
            .map(|host| -> ConnectAttempt<'_> { Box::pin(self.open_at(host)) })
            .collect();
        match hosts::first(attempts).await {
            Some(outcome) => outcome,
            // Without a host, the driver reports the error.
            None => self.open_at(self.config.clone()).await,
        }
    }

    /// Opens a session with one host, trying the transports that `sslmode` allows in their order.
    async fn open_at(&self, host: Config) -> Result<(Client, Driver), tokio_postgres::Error> {
        let (first, second) = self.sslmode.attempts();
        let error = match self.attempt(&host, first).await {
            Err(error) if is_about_transport(&error) => error,
            outcome => return outcome,
        };
        let Some(second) = second else { return Err(error) };
        match self.attempt(&host, second).await {
            // Of two failures, the one of TLS tells more.
            Err(_) if second == Wire::Disable => Err(error),
            outcome => outcome,
        }
    }

    async fn attempt(
        &self,
        host: &Config,
        transport: Wire,
    ) -> Result<(Client, Driver), tokio_postgres::Error> {
        let mut config = host.clone();
        config.ssl_mode(transport);
        let (client, mut driver) = config.connect(self.tls.clone()).await?;
        self.settle(&client, &mut driver).await?;
        Ok((client, driver))
    }

    /// Applies the settings to a fresh session, then checks the session in a transaction of its own.
    async fn settle(
        &self,
        client: &Client,
        driver: &mut Driver,
    ) -> Result<(), tokio_postgres::Error> {
        let name = Id::<()>::generate(&Clock::system()).uuid();
        let (telling, looking) = (self.settings.telling(name), self.settings.looking(name));
        let settle = async {
            client.batch_execute(&telling).await?;
            client.batch_execute(&looking).await
        };
        tokio::select! {
            settled = settle => settled,
            // The session has ended: the statement returns the reason.
            _ = driver => client.batch_execute("").await,
        }
    }
}

/// Returns true if an attempt failed because of TLS or its absence, so that the other transport may work.
fn is_about_transport(error: &tokio_postgres::Error) -> bool {
    if let Some(refusal) = error.as_db_error() {
        // "no pg_hba.conf entry for …, no encryption" and its like.
        return *refusal.code()
            == tokio_postgres::error::SqlState::INVALID_AUTHORIZATION_SPECIFICATION;
    }
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    cause.and_then(io::Error::get_ref).is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("host", &self.config.get_hosts())
            .field("port", &self.config.get_ports())
            .field("dbname", &self.config.get_dbname())
            .field("user", &self.config.get_user())
            .field("sslmode", &self.sslmode.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_where_it_goes_and_nothing_secret() {
        let connection =
            Connection::parse("postgres://ada:hunter2@db.example:6432/tasks?sslmode=require")
                .unwrap();
        let text = format!("{connection:?}");
        assert!(
            text.contains("db.example") && text.contains("6432") && text.contains("require"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn tls_is_not_asked_for_on_a_unix_socket() {
        let connection =
            Connection::parse("postgres:///d?host=/run/postgresql&sslmode=require").unwrap();
        assert_eq!(connection.sslmode, SslMode::Disable);
    }

    #[test]
    fn a_string_without_a_host_is_refused() {
        assert!(matches!(Connection::parse("postgres:///d"), Err(ConnectionError::NoHost)));
        assert!(matches!(Connection::parse(""), Err(ConnectionError::NoHost)));
    }
}
