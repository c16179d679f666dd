//! Where the data is: a private cluster in the data directory, or the database of `DATABASE_URL`; and the secret.

use std::fs::OpenOptions;
use std::future::Future;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::config::{Config, DatabaseLocation, Secret};
use crate::database::Connection;
use crate::database::cluster::{ClusterConfig, PrivateCluster};
use crate::id::random_bytes;

/// An open database and the secret that belongs to it.
#[derive(Debug)]
pub struct Storage {
    cluster: Option<Arc<PrivateCluster>>,
    connection: Connection,
    secret: Secret,
}

impl Storage {
    /// Starts the private cluster, or takes the given database.
    ///
    /// # Errors
    ///
    /// When the cluster cannot be started, another server owns it, or the secret cannot be read.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        match cluster_of(config) {
            Some(cluster) => {
                Self::in_cluster(PrivateCluster::start(&cluster).await?, &cluster.data, config)
            }
            None => Self::external(config),
        }
    }

    /// The same for one command: uses the cluster of a running server if there is one.
    ///
    /// # Errors
    ///
    /// As [`Storage::open`], but a running server is no error.
    pub async fn join(config: &Config) -> anyhow::Result<Self> {
        match cluster_of(config) {
            Some(cluster) => Self::in_cluster(
                PrivateCluster::join_or_start(&cluster).await?,
                &cluster.data,
                config,
            ),
            None => Self::external(config),
        }
    }

    fn in_cluster(cluster: PrivateCluster, data: &Path, config: &Config) -> anyhow::Result<Self> {
        let secret = match &config.secret {
            Some(secret) => secret.clone(),
            None => kept_secret(&data.join("secret"))?,
        };
        Ok(Self { connection: cluster.connection(), cluster: Some(Arc::new(cluster)), secret })
    }

    fn external(config: &Config) -> anyhow::Result<Self> {
        let DatabaseLocation::External(connection) = &config.database.location else {
            bail!("there is no database to use");
        };
        let secret =
            config.secret.clone().context("KEYFOLD_SECRET is required with DATABASE_URL")?;
        Ok(Self { cluster: None, connection: connection.clone(), secret })
    }

    /// How to reach the database.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// The server's secret.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Resolves if the private cluster ends by itself.
    pub fn exited(&self) -> Option<Pin<Box<dyn Future<Output = String> + Send>>> {
        let cluster = Arc::clone(self.cluster.as_ref()?);
        Some(Box::pin(async move { format!("the private cluster: {}", cluster.exited().await) }))
    }

    /// Stops the private cluster, if it is this process's.
    pub async fn close(self) {
        let Some(cluster) = self.cluster.and_then(Arc::into_inner) else { return };
        if let Err(error) = cluster.stop().await {
            tracing::error!(%error, "the private cluster did not stop");
        }
    }
}

fn cluster_of(config: &Config) -> Option<ClusterConfig> {
    match &config.database.location {
        DatabaseLocation::Private { data, binaries, run_as } => Some(ClusterConfig {
            data: data.clone(),
            binaries: binaries.clone(),
            run_as: run_as.clone(),
        }),
        DatabaseLocation::External(_) => None,
    }
}

/// The secret kept in a file that only its owner can read; made when the file is missing.
fn kept_secret(path: &Path) -> anyhow::Result<Secret> {
    let name = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_secret(path).with_context(|| format!("cannot keep a secret in {name}"))?
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read the secret in {name}"));
        }
    };
    Secret::parse(text.trim())
        .map_err(|error| anyhow::anyhow!("the secret in {name} cannot be used: {error}"))
}

/// Written whole or not at all: a secret cut short would lock everybody out of what it seals.
fn make_secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let bytes = Zeroizing::new(random_bytes::<32>()?);
    let text = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    let draft = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_kept_from_others() {
        let directory = std::env::temp_dir().join(format!("keyfold-secret-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("secret");
        let made = kept_secret(&path).unwrap();
        assert_eq!(made.as_bytes().len(), 43);
        assert_eq!(kept_secret(&path).unwrap().as_bytes(), made.as_bytes());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
