//! Secrets that seal private keys, from the configuration or from a file beside the private cluster.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::base::id::random_bytes;
use crate::config::{Config, Secret};

/// Advice to an operator who has lost the secret.
const WAY_OUT: &str =
    "if it is lost for good, `keyfold keys replace --lost` makes another one and a new signing key";

/// The secret that seals private keys, and earlier ones.
#[derive(Debug)]
pub struct Secrets {
    /// Seals new private keys.
    pub current: Secret,
    /// Earlier secrets, which open private keys that were sealed under them.
    pub previous: Vec<Secret>,
}

/// Content of the file that keeps a secret.
enum SecretFile {
    Secret(Secret),
    Nothing,
    /// Content that is no secret, with the reason.
    Rubbish(String),
}

/// Returns the configured secrets: an external database has no file beside it.
pub(super) fn configured(config: &Config) -> anyhow::Result<Secrets> {
    let current = config.secret.clone().context("KEYFOLD_SECRET is required with DATABASE_URL")?;
    Ok(Secrets { current, previous: config.previous_secrets.clone() })
}

/// Returns the secrets of a private cluster. A configured secret replaces the one in the file, which can still open keys;
/// `None` if there is neither.
pub(super) fn kept(path: &Path, config: &Config) -> anyhow::Result<Option<Secrets>> {
    match read(path)? {
        SecretFile::Secret(kept) => Ok(Some(joined(kept, config))),
        SecretFile::Nothing if config.secret.is_none() => Ok(None),
        SecretFile::Nothing => configured(config).map(Some),
        SecretFile::Rubbish(why) => {
            bail!("the secret in {} cannot be used: {why}. {WAY_OUT}", path.display())
        }
    }
}

/// As [`kept`], for a secret that is lost: makes a new one instead, which is not in a file yet.
pub(super) fn kept_or_new(
    path: &Path,
    config: &Config,
) -> anyhow::Result<(Secrets, Option<NewSecret>)> {
    match read(path)? {
        SecretFile::Secret(kept) => Ok((joined(kept, config), None)),
        SecretFile::Nothing | SecretFile::Rubbish(_) if config.secret.is_some() => {
            Ok((configured(config)?, None))
        }
        SecretFile::Nothing | SecretFile::Rubbish(_) => {
            let new = NewSecret::make(path)?;
            Ok((new.secrets(config), Some(new)))
        }
    }
}

/// Error for a missing secret. A new one would not open the private keys that are sealed under the old one.
pub(super) fn missing(path: &Path) -> String {
    format!(
        "the secret in {} is missing, and the private keys in the database are sealed under it: put the file back from a \
         backup, or set KEYFOLD_SECRET to what was in it; {WAY_OUT}",
        path.display()
    )
}

/// Joins the configured secrets with the one from the file.
fn joined(kept: Secret, config: &Config) -> Secrets {
    let mut previous = config.previous_secrets.clone();
    let current = match &config.secret {
        Some(configured) => {
            previous.push(kept);
            configured.clone()
        }
        None => kept,
    };
    Secrets { current, previous }
}

fn read(path: &Path) -> anyhow::Result<SecretFile> {
    match std::fs::read(path).map(Zeroizing::new) {
        Ok(bytes) => Ok(parsed(&bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(SecretFile::Nothing),
        Err(error) => {
            Err(error).with_context(|| format!("cannot read the secret in {}", path.display()))
        }
    }
}

fn parsed(bytes: &[u8]) -> SecretFile {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return SecretFile::Rubbish("is no text".to_owned());
    };
    Secret::parse(text.trim())
        .map_or_else(|error| SecretFile::Rubbish(error.to_string()), SecretFile::Secret)
}

/// A generated secret that is in no file yet.
#[derive(Debug)]
pub struct NewSecret {
    /// File that will hold it.
    path: PathBuf,
    /// The secret, kept in memory until private keys are sealed under it.
    secret: Secret,
}

impl NewSecret {
    /// Generates a secret for this file.
    pub(super) fn make(path: &Path) -> anyhow::Result<Self> {
        let bytes = Zeroizing::new(random_bytes::<32>()?);
        let text = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice()));
        let secret = Secret::parse(&text)
            .map_err(|error| anyhow::anyhow!("failed to generate a secret: {error}"))?;
        Ok(Self { path: path.to_owned(), secret })
    }

    /// The secret, with the configured earlier ones.
    pub(super) fn secrets(&self, config: &Config) -> Secrets {
        Secrets { current: self.secret.clone(), previous: config.previous_secrets.clone() }
    }

    /// File that will hold the secret.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the secret to a file that only its owner can read. An unusable earlier file stays beside it, for an operator
    /// to examine.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn keep(&self) -> anyhow::Result<()> {
        let kept = move_aside(&self.path).and_then(|()| write(&self.path, self.secret.as_bytes()));
        kept.with_context(|| format!("cannot store the secret in {}", self.path.display()))
    }
}

/// Renames an earlier file, if there is one.
fn move_aside(path: &Path) -> std::io::Result<()> {
    match std::fs::rename(path, path.with_extension("unusable")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes the file whole or not at all, and syncs it: a truncated secret would open none of the keys sealed under it.
fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    path.parent().map_or(Ok(()), |directory| std::fs::File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn in_directory(name: &str, test: impl FnOnce(&Path)) {
        let name = format!("keyfold-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        test(&directory.join("secret"));
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_secret_is_made_before_anything_is_sealed_under_it_and_kept_from_others() {
        in_directory("secret", |path| {
            let mut config = Config::default();
            assert!(kept(path, &config).unwrap().is_none());
            let made = NewSecret::make(path).unwrap();
            assert!(!path.exists(), "it is not kept yet");
            made.keep().unwrap();
            assert_eq!(made.secret.as_bytes().len(), 43);
            let again = kept(path, &config).unwrap().unwrap();
            assert_eq!(again.current.as_bytes(), made.secret.as_bytes());
            assert_eq!(again.previous.len(), 0);
            config.secret = Some(Secret::parse(&"another".repeat(6)).unwrap());
            let replaced = kept(path, &config).unwrap().unwrap();
            assert_eq!(replaced.current.as_bytes(), "another".repeat(6).as_bytes());
            assert_eq!(replaced.previous[0].as_bytes(), made.secret.as_bytes());
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        });
    }

    #[test]
    fn what_is_no_secret_is_refused_and_stays_beside_the_one_that_is_made_instead() {
        for rubbish in [b"".as_slice(), b"short", b"\xff\xfe"] {
            in_directory("rubbish", |path| {
                std::fs::write(path, rubbish).unwrap();
                let config = Config::default();
                let refused = kept(path, &config).unwrap_err().to_string();
                let told = format!("the secret in {} cannot be used: ", path.display());
                assert!(refused.starts_with(&told) && refused.ends_with(WAY_OUT), "{refused}");
                let (secrets, new) = kept_or_new(path, &config).unwrap();
                assert_eq!(std::fs::read(path).unwrap(), rubbish, "nothing is kept yet");
                new.unwrap().keep().unwrap();
                assert_eq!(std::fs::read(path).unwrap(), secrets.current.as_bytes());
                assert_eq!(std::fs::read(path.with_extension("unusable")).unwrap(), rubbish);
            });
        }
    }
}
