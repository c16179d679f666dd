//! Memory limit of the server.

use crate::capacity::memory;
use crate::config::read::error::InvalidValue;
use crate::config::read::parse::quoted;
use crate::config::read::reader::Reader;
use crate::config::variables::MEMORY;

/// Least limit: with less, the largest request body would have no room.
const LEAST: u64 = 400_000_000;

/// Units of a size, longest first.
const UNITS: [(&str, u64); 4] =
    [("MiB", 1 << 20), ("GiB", 1 << 30), ("MB", 1_000_000), ("GB", 1_000_000_000)];

/// Memory limit of the server.
#[derive(Clone, Debug)]
pub struct MemoryConfig {
    /// Bytes of the whole process, from which every budget follows.
    pub limit: u64,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { limit: (memory::available() / 2).max(LEAST) }
    }
}

impl MemoryConfig {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let limit = reader.read(&MEMORY, |value| parse(value, memory::available()));
        limit.map_or_else(Self::default, |limit| Self { limit })
    }
}

/// Parses a size for a machine with `available` bytes.
fn parse(value: &str, available: u64) -> Result<u64, InvalidValue> {
    let expected =
        || "at least 400MB, such as 512MiB, 2GB, or a share of the machine's memory such as 40%";
    let text = value.trim();
    let bytes = text
        .strip_suffix('%')
        .map_or_else(|| size(text), |percent| share(percent, available))
        .ok_or_else(|| InvalidValue::new(format!("is {}", quoted(value)), expected()))?;
    if bytes < LEAST {
        return Err(InvalidValue::new(format!("is {bytes} bytes"), expected()));
    }
    Ok(bytes)
}

fn size(text: &str) -> Option<u64> {
    let (number, unit) =
        UNITS.iter().find_map(|&(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)))?;
    whole(number)?.checked_mul(unit)
}

fn share(percent: &str, available: u64) -> Option<u64> {
    let percent = whole(percent).filter(|percent| (1..=100).contains(percent))?;
    Some(available / 100 * percent)
}

/// Parses digits only: `u64::from_str` would take a leading `+`.
fn whole(text: &str) -> Option<u64> {
    let text = text.trim_end();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: u64 = 10_000_000_000;

    #[test]
    fn a_size_is_a_number_with_a_unit_or_a_share_of_the_machine() {
        for (text, bytes) in [
            ("400MB", 400_000_000),
            ("512MiB", 512 << 20),
            (" 2 GB ", 2_000_000_000),
            ("1GiB", 1 << 30),
            ("40%", 4_000_000_000),
            ("100%", MACHINE),
        ] {
            assert_eq!(parse(text, MACHINE).ok(), Some(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_too_small_or_no_size_is_refused() {
        for text in
            ["", "400", "-1GB", "+1GB", "399MB", "3%", "0%", "101%", "1TB", "GB", "99999999999GB"]
        {
            assert!(parse(text, MACHINE).is_err(), "{text}");
        }
    }
}
