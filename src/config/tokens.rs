//! Access tokens.

use std::time::Duration;

use super::parse::duration;
use super::reader::Reader;
use super::variables::TOKEN_LIFETIME;

const SHORTEST: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(1);

/// Access tokens.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// How long an access token is valid.
    pub lifetime: Duration,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self { lifetime: Duration::from_mins(15) }
    }
}

impl TokenConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let read = reader.read(&TOKEN_LIFETIME, duration(SHORTEST..=LONGEST));
        Self { lifetime: read.unwrap_or(Self::default().lifetime) }
    }
}
