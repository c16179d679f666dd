//! Where the data is: a private cluster in the data directory, or the database of `DATABASE_URL`; and the secret.

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

/// Sessions of a private cluster beside those of the pool: the lock, the follower, the appender, their successors, and those of
/// commands and of people who look.
const OTHER_SESSIONS: usize = 30;

/// An open database and the secret that belongs to it.
#[derive(Debug)]
pub struct Storage {
    place: Place,
    secrets: Secrets,
}

/// An open database.
#[derive(Debug)]
pub struct Place {
    cluster: Option<Arc<PrivateCluster>>,
    connection: Connection,
    /// Where the secret of a private cluster is kept.
    secret: Option<PathBuf>,
}

/// How a program of PostgreSQL reaches the private cluster.
#[derive(Debug)]
pub struct OwnCluster {
    /// The program.
    pub path: PathBuf,
    /// What it finds in its environment.
    pub environment: Vec<(&'static str, String)>,
}

impl OwnCluster {
    /// The name of the database.
    pub const DATABASE: &'static str = private_cluster::DATABASE;
}

impl Storage {
    /// Starts the private cluster, or takes the given database.
    ///
    /// # Errors
    ///
    /// When the cluster cannot be started, another server owns it, or the secret cannot be read.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        Place::open(config).await?.with_secrets(config).await
    }

    /// The same for one command: uses the cluster of a running server if there is one, and makes none.
    ///
    /// # Errors
    ///
    /// As [`Storage::open`], but a running server is no error, and a data directory without a cluster is.
    pub async fn join(config: &Config) -> anyhow::Result<Self> {
        Place::join(config).await?.with_secrets(config).await
    }

    /// How to reach the database.
    pub fn connection(&self) -> Connection {
        self.place.connection()
    }

    /// The server's secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Resolves if the private cluster ends by itself.
    pub fn exited(&self) -> Option<Pin<Box<dyn Future<Output = String> + Send>>> {
        let cluster = Arc::clone(self.place.cluster.as_ref()?);
        Some(Box::pin(async move { format!("the private cluster: {}", cluster.exited().await) }))
    }

    /// Stops the private cluster, if it is this process's.
    pub async fn close(self) {
        self.place.close().await;
    }
}

impl Place {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        match cluster_of(config) {
            Some(cluster) => {
                let running = PrivateCluster::start(&cluster).await?;
                Ok(Self::in_cluster(running, &cluster.data))
            }
            None => Self::external(config),
        }
    }

    /// Where the data is, for one command: see [`Storage::join`].
    ///
    /// # Errors
    ///
    /// When there is no cluster, or it cannot be started.
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

    /// Makes the private cluster, if it is not there, for one command that fills it.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or a server runs on it.
    pub async fn make(config: &Config) -> anyhow::Result<Self> {
        Self::open(config).await
    }

    fn in_cluster(cluster: PrivateCluster, data: &Path) -> Self {
        let (connection, secret) = (cluster.connection(), Some(data.join("secret")));
        Self { cluster: Some(Arc::new(cluster)), connection, secret }
    }

    fn external(config: &Config) -> anyhow::Result<Self> {
        let DatabaseLocation::External(connection) = &config.database.location else {
            bail!("there is no database to use");
        };
        Ok(Self { cluster: None, connection: connection.clone(), secret: None })
    }

    /// How to reach the database.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// A program of PostgreSQL for the private cluster.
    ///
    /// # Errors
    ///
    /// When there is no such program, or the database is elsewhere.
    pub fn own_cluster(&self, program: &str) -> anyhow::Result<OwnCluster> {
        let Some(cluster) = &self.cluster else { bail!("the database is not Keyfold's own") };
        Ok(OwnCluster {
            path: private_cluster::client(program)?,
            environment: cluster.connection().environment(),
        })
    }

    /// Stops the private cluster, if it is this process's.
    pub async fn close(self) {
        let Some(cluster) = self.cluster.and_then(Arc::into_inner) else { return };
        if let Err(error) = cluster.stop().await {
            tracing::error!(%error, "the private cluster did not stop");
        }
    }

    async fn with_secrets(self, config: &Config) -> anyhow::Result<Storage> {
        match self.kept_or_first(config).await {
            Ok(secrets) => Ok(Storage { place: self, secrets }),
            Err(error) => {
                self.close().await;
                Err(error)
            }
        }
    }

    /// The secrets there are; in a private cluster without private keys, a new one that is kept.
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

    /// The directory of a private cluster's files, and the bytes that are free there. There is none of a database elsewhere.
    pub fn disk(&self) -> Option<(PathBuf, std::io::Result<u64>)> {
        let directory = private_cluster::files_in(self.secret.as_ref()?.parent()?);
        let free = rustix::fs::statvfs(&directory)
            .map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
            .map_err(std::io::Error::from);
        Some((directory, free))
    }

    /// Whether there is a secret to open private keys with, if there are any.
    ///
    /// # Errors
    ///
    /// When it is missing, or is none.
    pub fn check_secret(&self, config: &Config, is_sealed: bool) -> anyhow::Result<()> {
        let Some(path) = &self.secret else { return Ok(()) };
        if secrets::kept(path, config)?.is_none() && is_sealed {
            bail!(secrets::missing(path));
        }
        Ok(())
    }

    /// The secrets there are, or else a new one in place of what is lost.
    ///
    /// # Errors
    ///
    /// When the one that is kept cannot be read, though it may be there.
    pub fn secrets_or_new(&self, config: &Config) -> anyhow::Result<(Secrets, Option<NewSecret>)> {
        match &self.secret {
            Some(path) => secrets::kept_or_new(path, config),
            None => Ok((secrets::configured(config)?, None)),
        }
    }
}

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
