//! Sessions.

use std::time::Duration;

use super::parse::duration;
use super::reader::Reader;
use super::variables::SESSION_LIFETIME;

const SHORTEST: Duration = Duration::from_mins(1);
/// The longest that browsers keep a cookie (RFC 6265bis, section 5.5).
const LONGEST: Duration = Duration::from_hours(400 * 24);

/// Sessions.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// How long a session lasts.
    pub lifetime: Duration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { lifetime: Duration::from_hours(7 * 24) }
    }
}

impl SessionConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let read = reader.read(&SESSION_LIFETIME, duration(SHORTEST..=LONGEST));
        Self { lifetime: read.unwrap_or(Self::default().lifetime) }
    }
}
