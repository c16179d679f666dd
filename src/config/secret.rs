//! The secret under which private keys are sealed.
//!
//! Invariant: a [`Secret`] has at least 32 characters, appears in no text that this program writes, and its memory is
//! overwritten when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

use super::error::InvalidValue;
use super::reader::Reader;
use super::variables::{DATABASE_URL, SECRET};

const LEAST_CHARACTERS: usize = 32;

/// A text of at least 32 characters that nobody else knows.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text exactly as it is, spaces included.
    ///
    /// # Errors
    /// When it is shorter than 32 characters.
    pub fn parse(value: &str) -> Result<Self, InvalidValue> {
        let characters = value.chars().count();
        if characters < LEAST_CHARACTERS {
            return Err(InvalidValue::new(format!("has {characters} characters"), expected()));
        }
        Ok(Self(Zeroizing::new(value.to_owned())))
    }

    /// The bytes to derive keys from.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn expected() -> String {
    format!(
        "at least {LEAST_CHARACTERS} random characters, such as `openssl rand -base64 32` prints"
    )
}

/// The configured secret, which only the owner of the private cluster can do without.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Secret> {
    if reader.is_set(&DATABASE_URL) && !reader.is_set(&SECRET) {
        let wrong = format!("is not set, and {} is", DATABASE_URL.name);
        reader.problem(SECRET.name, InvalidValue::new(wrong, expected()));
    }
    reader.read(&SECRET, Secret::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_at_least_32_characters() {
        let short = Secret::parse(&"ä".repeat(31)).unwrap_err();
        assert!(short.to_string().starts_with("has 31 characters"), "{short}");
        assert_eq!(Secret::parse(&"ä".repeat(32)).unwrap().as_bytes().len(), 64);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let text = "correct horse battery staple, twice over";
        let secret = Secret::parse(text).unwrap();
        assert_eq!(
            format!("{secret:?} {:#?}", Some(&secret)),
            "Secret(..) Some(\n    Secret(..),\n)"
        );
        assert!(!Secret::parse("battery staple").unwrap_err().to_string().contains("staple"));
    }
}
