//! Settings of access tokens.

use std::time::Duration;

use crate::config::read::error::InvalidValue;
use crate::config::read::parse::{duration, quoted};
use crate::config::read::reader::Reader;
use crate::config::variables::{AUDIENCES, TOKEN_LIFETIME};

const SHORTEST: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(1);
/// Longest audience, in characters.
const AUDIENCE_CHARACTERS: usize = 200;

/// Lifetime and audiences of access tokens.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// Time for which an access token is valid.
    pub lifetime: Duration,
    /// Audiences of other services for which tokens may be issued.
    pub audiences: Vec<String>,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self { lifetime: Duration::from_mins(15), audiences: Vec::new() }
    }
}

impl TokenConfig {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let read = reader.read(&TOKEN_LIFETIME, duration(SHORTEST..=LONGEST));
        Self {
            lifetime: read.unwrap_or(Self::default().lifetime),
            audiences: reader.read_unless_empty(&AUDIENCES, audiences).unwrap_or_default(),
        }
    }
}

/// Parses audiences separated by commas; services compare them as text (RFC 7519, section 4.1.3).
fn audiences(value: &str) -> Result<Vec<String>, InvalidValue> {
    let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(audience).collect()
}

fn audience(text: &str) -> Result<String, InvalidValue> {
    let is_fit =
        text.len() <= AUDIENCE_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_fit {
        return Ok(text.to_owned());
    }
    let expected = format!(
        "audiences of up to {AUDIENCE_CHARACTERS} visible ASCII characters, separated by commas, such as https://billing.example.com"
    );
    Err(InvalidValue::new(format!("contains {}", quoted(text)), expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences_are_visible_text_between_commas() {
        let read = |text: &str| audiences(text).map_err(|error| error.to_string());
        assert_eq!(
            read(" urn:a ,, https://b.example/x"),
            Ok(vec!["urn:a".into(), "https://b.example/x".into()])
        );
        for wrong in ["a b", "ä", &"a".repeat(201)] {
            assert!(read(wrong).unwrap_err().contains("contains"), "{wrong}");
        }
    }
}
