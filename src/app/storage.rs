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
use crate::database::cluster::{self, ClusterConfig, PrivateCluster};
use crate::id::random_bytes;
use crate::keys;

/// An open database and the secret that belongs to it.
#[derive(Debug)]
pub struct Storage {
    cluster: Option<Arc<PrivateCluster>>,
    connection: Connection,
    secrets: Secrets,
}

/// What private keys are sealed under, and may have been before.
#[derive(Debug)]
pub struct Secrets {
    /// What new ones are sealed under.
    pub current: Secret,
    /// What old ones are opened with too.
    pub previous: Vec<Secret>,
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
                let running = PrivateCluster::start(&cluster).await?;
                Self::in_cluster(running, &cluster.data, config).await
            }
            None => Self::external(config),
        }
    }

    /// The same for one command: uses the cluster of a running server if there is one, and makes none.
    ///
    /// # Errors
    ///
    /// As [`Storage::open`], but a running server is no error, and a data directory without a cluster is.
    pub async fn join(config: &Config) -> anyhow::Result<Self> {
        match cluster_of(config) {
            Some(ClusterConfig { data, .. }) if !cluster::is_in(&data) => bail!(
                "there is no database in {} yet: start a server, which makes one, or correct KEYFOLD_DATA",
                data.display()
            ),
            Some(cluster) => {
                let running = PrivateCluster::join_or_start(&cluster).await?;
                Self::in_cluster(running, &cluster.data, config).await
            }
            None => Self::external(config),
        }
    }

    async fn in_cluster(
        cluster: PrivateCluster,
        data: &Path,
        config: &Config,
    ) -> anyhow::Result<Self> {
        let connection = cluster.connection();
        let path = data.join("secret");
        let secrets = if let Some(secrets) = secrets_in(&path, config)? {
            secrets
        } else {
            let link = connection.connect().await?;
            first_secrets(&path, config, keys::read_model::holds_any(&link).await?)?
        };
        Ok(Self { connection, cluster: Some(Arc::new(cluster)), secrets })
    }

    fn external(config: &Config) -> anyhow::Result<Self> {
        let DatabaseLocation::External(connection) = &config.database.location else {
            bail!("there is no database to use");
        };
        let current =
            config.secret.clone().context("KEYFOLD_SECRET is required with DATABASE_URL")?;
        let secrets = Secrets { current, previous: config.previous_secrets.clone() };
        Ok(Self { cluster: None, connection: connection.clone(), secrets })
    }

    /// How to reach the database.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// The server's secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
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

/// The configured secret, which replaces the one that was kept in a file; without one, that one, if there is one.
fn secrets_in(path: &Path, config: &Config) -> anyhow::Result<Option<Secrets>> {
    let (mut previous, kept) = (config.previous_secrets.clone(), kept_secret(path)?);
    if let Some(configured) = &config.secret {
        previous.extend(kept);
        return Ok(Some(Secrets { current: configured.clone(), previous }));
    }
    Ok(kept.map(|current| Secrets { current, previous }))
}

/// A secret that is made and kept in a file, unless private keys are sealed under the one that is missing.
fn first_secrets(path: &Path, config: &Config, is_sealed: bool) -> anyhow::Result<Secrets> {
    if is_sealed {
        bail!(
            "the secret in {} is missing, and the private keys in the database are sealed under it: put the file back from a \
             backup, or set KEYFOLD_SECRET to what was in it",
            path.display()
        );
    }
    let current = secret_of(&make_secret(path)?, path)?;
    Ok(Secrets { current, previous: config.previous_secrets.clone() })
}

/// The secret kept in a file that only its owner can read.
fn kept_secret(path: &Path) -> anyhow::Result<Option<Secret>> {
    match std::fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => secret_of(&text, path).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(error).with_context(|| format!("cannot read the secret in {}", path.display()))
        }
    }
}

fn secret_of(text: &str, path: &Path) -> anyhow::Result<Secret> {
    Secret::parse(text.trim()).map_err(|error| {
        anyhow::anyhow!("the secret in {} cannot be used: {error}", path.display())
    })
}

/// Written whole or not at all: a secret cut short would lock everybody out of what it seals.
fn make_secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let bytes = Zeroizing::new(random_bytes::<32>()?);
    let text = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    write_secret(path, &text)
        .with_context(|| format!("cannot keep a secret in {}", path.display()))?;
    Ok(text)
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_before_anything_is_sealed_under_it_and_kept_from_others() {
        let directory = std::env::temp_dir().join(format!("keyfold-secret-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("secret");
        let mut config = Config::default();
        assert!(secrets_in(&path, &config).unwrap().is_none());
        let lost = first_secrets(&path, &config, true).unwrap_err().to_string();
        let told = format!("the secret in {} is missing, and the private keys", path.display());
        assert!(lost.starts_with(&told) && !path.exists(), "{lost}");
        let made = first_secrets(&path, &config, false).unwrap().current;
        assert_eq!(made.as_bytes().len(), 43);
        let again = secrets_in(&path, &config).unwrap().unwrap();
        assert_eq!((again.current.as_bytes(), again.previous.len()), (made.as_bytes(), 0));
        config.secret = Some(Secret::parse(&"another".repeat(6)).unwrap());
        let replaced = secrets_in(&path, &config).unwrap().unwrap();
        assert_eq!(replaced.current.as_bytes(), "another".repeat(6).as_bytes());
        assert_eq!(replaced.previous[0].as_bytes(), made.as_bytes());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
