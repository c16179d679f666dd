//! Times as they are shown until a script has put them into the reader's own zone.

use crate::base::clock::Timestamp;

/// A time for `<time>`, in two forms.
#[derive(Debug, Clone)]
pub(super) struct ShownTime {
    /// Machine-readable form (ISO 8601).
    pub(super) iso: String,
    /// Readable form, such as `26 Nov 2026, 19:23 UTC`.
    pub(super) text: String,
}

impl From<Timestamp> for ShownTime {
    fn from(at: Timestamp) -> Self {
        let text = at.to_jiff().strftime("%-d %b %Y, %H:%M UTC").to_string();
        Self { iso: at.to_string(), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_utc() {
        let moment = ShownTime::from(Timestamp::from_unix_millis(1_763_812_800_000));
        assert_eq!(moment.iso, "2025-11-22T12:00:00.000Z");
        assert_eq!(moment.text, "22 Nov 2025, 12:00 UTC");
    }
}
