//! Storage: a private cluster in the data directory or the database of `DATABASE_URL`, and the secret.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::bail;

use super::secrets::{self, NewSecret, Secrets};
use crate::config::{Config, DatabaseLocation};
use crate::keys;
use crate::postgres::Connection;
use crate::postgres::private_cluster;
use crate::postgres::private_cluster::{ClusterConfig, PrivateCluster};

/// Sessions of a private cluster beside those of the pool: the lock, the follower, the appender, their successors, and
/// those of commands and of operators with `psql`.
const OTHER_SESSIONS: usize = 30;

/// An open database and the secret that belongs to it.
#[derive(Debug)]
pub struct Storage {
    /// Open database, closed with the storage.
    place: OpenDatabase,
    /// Secrets that open its private keys.
    secrets: Secrets,
}

/// An open database, in a private cluster or elsewhere.
#[derive(Debug)]
pub struct OpenDatabase {
    /// The private cluster, if there is one; shared with the task that waits for its exit.
    cluster: Option<Arc<PrivateCluster>>,
    /// Address and credentials, from which pools are opened.
    connection: Connection,
    /// File of the secret, in a private cluster.
    secret: Option<PathBuf>,
}

/// A PostgreSQL program, with the environment that leads it to the private cluster.
#[derive(Debug)]
pub struct OwnCluster {
    /// Path of the program's executable.
    pub path: PathBuf,
    /// Environment variables with the address and the credentials.
    pub environment: Vec<(&'static str, String)>,
}

impl OwnCluster {
    /// Name of the database in every private cluster.
    pub const DATABASE: &'static str = private_cluster::DATABASE;
}

impl Storage {
    /// Starts the private cluster, or uses the configured database.
    ///
    /// # Errors
    ///
    /// Fails if the cluster cannot be started, another server owns it, or the secret cannot be read.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        OpenDatabase::open(config).await?.with_secrets(config).await
    }

    /// As [`Storage::open`], for one command: uses the cluster of a running server if there is one, and creates none.
    ///
    /// # Errors
    ///
    /// As [`Storage::open`], but a running server is no error, and a data directory without a cluster is.
    pub async fn join(config: &Config) -> anyhow::Result<Self> {
        OpenDatabase::join(config).await?.with_secrets(config).await
    }

    /// Address and credentials of the database.
    pub fn connection(&self) -> Connection {
        self.place.connection()
    }

    /// Secrets of the server.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Resolves if the private cluster exits unasked.
    pub fn exited(&self) -> Option<Pin<Box<dyn Future<Output = String> + Send>>> {
        let cluster = Arc::clone(self.place.cluster.as_ref()?);
        Some(Box::pin(async move { format!("the private cluster: {}", cluster.exited().await) }))
    }

    /// Stops the private cluster if this process started it.
    pub async fn close(self) {
        self.place.close().await;
    }
}

impl OpenDatabase {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        match cluster_of(config) {
            Some(cluster) => {
                let running = PrivateCluster::start(&cluster).await?;
                Ok(Self::in_cluster(running, &cluster.data))
            }
            None => Self::external(config),
        }
    }

    /// Opens the database for one command: see [`Storage::join`].
    ///
    /// # Errors
    ///
    /// Fails if there is no cluster, or it cannot be started.
    pub async fn join(config: &Config) -> anyhow::Result<Self> {
        match cluster_of(config) {
            Some(ClusterConfig { data, .. }) if !private_cluster::is_in(&data) => bail!(
                "there is no database in {} yet: start a server, which makes one, or correct KEYFOLD_DATA",
                data.display()
            ),
            Some(cluster) => {
                let running = PrivateCluster::join_or_start(&cluster).await?;
                Ok(Self::in_cluster(running, &cluster.data))
            }
            None => Self::external(config),
        }
    }

    /// Opens the database for a command that fills it, and creates the private cluster if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the cluster cannot be started, or a server runs on it.
    pub async fn make(config: &Config) -> anyhow::Result<Self> {
        Self::open(config).await
    }

    fn in_cluster(cluster: PrivateCluster, data: &Path) -> Self {
        let (connection, secret) = (cluster.connection(), Some(data.join("secret")));
        Self { cluster: Some(Arc::new(cluster)), connection, secret }
    }

    fn external(config: &Config) -> anyhow::Result<Self> {
        let DatabaseLocation::External(connection) = &config.database.location else {
            bail!("no database is configured");
        };
        Ok(Self { cluster: None, connection: connection.clone(), secret: None })
    }

    /// Address and credentials of the database.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Finds a PostgreSQL program for the private cluster.
    ///
    /// # Errors
    ///
    /// Fails if there is no such program, or the database is external.
    pub fn own_cluster(&self, program: &str) -> anyhow::Result<OwnCluster> {
        let Some(cluster) = &self.cluster else { bail!("the database is not Keyfold's own") };
        Ok(OwnCluster {
            path: private_cluster::client(program)?,
            environment: cluster.connection().environment(),
        })
    }

    /// Stops the private cluster if this process started it.
    pub async fn close(self) {
        let Some(cluster) = self.cluster.and_then(Arc::into_inner) else { return };
        if let Err(error) = cluster.stop().await {
            tracing::error!(%error, "failed to stop the private cluster");
        }
    }

    /// Adds the secrets; closes the database if that fails.
    async fn with_secrets(self, config: &Config) -> anyhow::Result<Storage> {
        match self.kept_or_first(config).await {
            Ok(secrets) => Ok(Storage { place: self, secrets }),
            Err(error) => {
                self.close().await;
                Err(error)
            }
        }
    }

    /// Returns the secrets; a private cluster without private keys gets a new secret, which is written to its file.
    async fn kept_or_first(&self, config: &Config) -> anyhow::Result<Secrets> {
        let Some(path) = &self.secret else { return secrets::configured(config) };
        if let Some(secrets) = secrets::kept(path, config)? {
            return Ok(secrets);
        }
        let link = self.connection.connect().await?;
        if keys::read_model::holds_any(&link).await? {
            bail!(secrets::missing(path));
        }
        let first = NewSecret::make(path)?;
        first.keep()?;
        Ok(first.secrets(config))
    }

    /// Directory of a private cluster's files, with the free bytes of its disk. `None` for an external database.
    pub fn disk(&self) -> Option<(PathBuf, std::io::Result<u64>)> {
        let directory = private_cluster::files_in(self.secret.as_ref()?.parent()?);
        let free = rustix::fs::statvfs(&directory)
            .map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
            .map_err(std::io::Error::from);
        Some((directory, free))
    }

    /// Checks that there is a secret, if private keys are sealed.
    ///
    /// # Errors
    ///
    /// Fails if the secret is missing or unusable.
    pub fn check_secret(&self, config: &Config, is_sealed: bool) -> anyhow::Result<()> {
        let Some(path) = &self.secret else { return Ok(()) };
        if secrets::kept(path, config)?.is_none() && is_sealed {
            bail!(secrets::missing(path));
        }
        Ok(())
    }

    /// Returns the secrets, or generates one in place of a secret that is lost.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, although it may be there.
    pub fn secrets_or_new(&self, config: &Config) -> anyhow::Result<(Secrets, Option<NewSecret>)> {
        match &self.secret {
            Some(path) => secrets::kept_or_new(path, config),
            None => Ok((secrets::configured(config)?, None)),
        }
    }
}

/// Settings of the private cluster, unless the database is external.
fn cluster_of(config: &Config) -> Option<ClusterConfig> {
    match &config.database.location {
        DatabaseLocation::Private { data, binaries, run_as } => Some(ClusterConfig {
            data: data.clone(),
            binaries: binaries.clone(),
            run_as: run_as.clone(),
            sessions: config.database.pool_size + OTHER_SESSIONS,
        }),
        DatabaseLocation::External(_) => None,
    }
}
