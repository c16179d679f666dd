//! The secret under which private keys are sealed.
//!
//! Invariant: a [`Secret`] has at least 32 characters, appears in no text that this program writes, and its memory is
//! overwritten when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

use crate::config::read::error::InvalidValue;
use crate::config::read::reader::Reader;
use crate::config::variables::{DATABASE_URL, PREVIOUS_SECRETS, SECRET};

const LEAST_CHARACTERS: usize = 32;

/// A text of at least 32 characters, known only to the operator and the server.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text exactly as it is, spaces included, except for line breaks at its end, which editors add to files.
    ///
    /// # Errors
    /// Fails if it is shorter than 32 characters.
    pub fn parse(value: &str) -> Result<Self, InvalidValue> {
        let value = value.trim_end_matches(['\r', '\n']);
        let characters = value.chars().count();
        if characters < LEAST_CHARACTERS {
            return Err(InvalidValue::new(format!("has {characters} characters"), expected()));
        }
        Ok(Self(Zeroizing::new(value.to_owned())))
    }

    /// Bytes from which keys are derived.
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

/// Configured secret, which is required unless the database is a private cluster.
pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Secret> {
    if reader.is_set(&DATABASE_URL) && !reader.is_set(&SECRET) {
        let wrong = format!("is not set, and {} is", DATABASE_URL.name);
        reader.problem(SECRET.name, InvalidValue::new(wrong, expected()));
    }
    reader.read(&SECRET, Secret::parse)
}

/// Earlier secrets. A value with commas is tried whole as well as in parts.
pub(crate) fn read_previous(reader: &mut Reader<'_>) -> Vec<Secret> {
    reader.read_unless_empty(&PREVIOUS_SECRETS, parse_previous).unwrap_or_default()
}

fn parse_previous(value: &str) -> Result<Vec<Secret>, InvalidValue> {
    let whole = Secret::parse(value)?;
    let parts = value.split(',').map(|part| Secret::parse(part.trim()));
    Ok(std::iter::once(whole).chain(parts.flatten()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previous_secrets_are_separated_by_commas_or_contain_them() {
        let [first, second] = ["a".repeat(32), "b".repeat(32)];
        let read = |value: &str| parse_previous(value).unwrap();
        let bytes = |secrets: &[Secret]| -> Vec<Vec<u8>> {
            secrets.iter().map(|secret| secret.as_bytes().to_vec()).collect()
        };
        let both = format!("{first}, {second}");
        let expected = [both.clone(), first, second].map(String::into_bytes);
        assert_eq!(bytes(&read(&both)), expected);
        let with_comma = "battery, staple and thirty more letters";
        assert!(bytes(&read(with_comma)).contains(&with_comma.as_bytes().to_vec()));
        assert!(parse_previous("short").unwrap_err().to_string().starts_with("has 5 characters"));
    }

    #[test]
    fn a_secret_has_at_least_32_characters() {
        let short = Secret::parse(&"ä".repeat(31)).unwrap_err();
        assert!(short.to_string().starts_with("has 31 characters"), "{short}");
        assert_eq!(Secret::parse(&"ä".repeat(32)).unwrap().as_bytes().len(), 64);
    }

    #[test]
    fn line_breaks_at_the_end_of_a_secret_are_no_part_of_it() {
        let secret = |text: &str| Secret::parse(text).unwrap().as_bytes().to_vec();
        let plain = format!(" {} ", "a".repeat(32));
        for end in ["\n", "\r\n", "\n\n"] {
            assert_eq!(secret(&format!("{plain}{end}")), plain.as_bytes());
        }
        assert!(Secret::parse(&format!("{}\n", "a".repeat(31))).is_err());
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
