//! Text written by users: visible characters, and text that fits on one line.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

/// Reasons for which a text is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// No character of the text is visible.
    #[error("must not be empty")]
    Empty,
    /// The text has more than this many characters.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// The text has a control character or a line break, which a text of one line cannot have.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// The text has U+0000, which PostgreSQL cannot store.
    #[error("must not contain the NUL character")]
    Nul,
}

/// Checks a text of one line and returns it without the white space around it.
///
/// # Errors
///
/// Fails if no character is visible, if there are more than `most_characters`, or if one controls a terminal or breaks the
/// line.
pub fn line(text: &str, most_characters: usize) -> Result<&str, InvalidText> {
    let text = trimmed(text);
    if text.chars().any(breaks_line) {
        return Err(InvalidText::ControlCharacter);
    }
    if text.chars().all(is_blank) {
        return Err(InvalidText::Empty);
    }
    limited(text, most_characters)
}

/// Checks a text of any number of lines and returns it unchanged.
///
/// # Errors
///
/// Fails if there are more than `most_characters`, or if the text has NUL.
pub fn lines(text: &str, most_characters: usize) -> Result<&str, InvalidText> {
    if text.contains('\0') {
        return Err(InvalidText::Nul);
    }
    limited(text, most_characters)
}

fn limited(text: &str, most_characters: usize) -> Result<&str, InvalidText> {
    let is_long = text.chars().count() > most_characters;
    if is_long { Err(InvalidText::TooLong(most_characters)) } else { Ok(text) }
}

/// Removes white space around a text, and zero-width characters that are pasted with it. A joiner or a variation selector at
/// the end stays: it belongs to the character before.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '\u{200b}' | '\u{2060}' | '\u{feff}')
    })
}

/// True for a default-ignorable character: software that does not know it shows nothing in its place (Unicode, section 5.21).
pub fn is_ignorable(character: char) -> bool {
    // Nearly every character of a text is decided by this comparison.
    character >= '\u{ad}'
        && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// Returns true for an invisible character: white space, default-ignorable ones, and the empty pattern of Braille.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || is_ignorable(character) || character == '\u{2800}'
}

/// Returns true for control characters and the separators of lines and paragraphs.
fn breaks_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_nobody_sees_is_empty() {
        for text in [
            "",
            " \t",
            "\u{a0}",
            "\u{200b}",
            "\u{200d}\u{fe0f}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{2800}",
            "\u{e0041}\u{e007f}",
            "\u{ad}",
            "\u{202e}",
            "\u{feff} \u{2060}",
            "\u{180e}",
        ] {
            assert_eq!(line(text, 9), Err(InvalidText::Empty), "{text:?}");
        }
    }

    #[test]
    fn one_line_has_no_control_character_and_no_line_break() {
        for text in ["a\0b", "a\u{1b}[2Jb", "a\tb", "a\nb", "a\u{7f}b", "a\u{85}b", "a\u{2028}b"] {
            assert_eq!(line(text, 9), Err(InvalidText::ControlCharacter), "{text:?}");
        }
    }

    #[test]
    fn what_is_seen_stays_as_it_was_written() {
        for (given, kept) in [
            ("  Kup mléko 🥛 \n", "Kup mléko 🥛"),
            ("\u{feff}Milk\u{200b}", "Milk"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("👩\u{200d}🌾", "👩\u{200d}🌾"),
            ("שלום\u{200f}", "שלום\u{200f}"),
        ] {
            assert_eq!(line(given, 20), Ok(kept));
        }
        assert_eq!(lines(" two\n lines\u{1b} ", 20), Ok(" two\n lines\u{1b} "));
    }

    #[test]
    fn a_text_is_measured_in_characters() {
        assert_eq!(line(&"🥛".repeat(3), 3), Ok("🥛🥛🥛"));
        assert_eq!(line(&"🥛".repeat(4), 3), Err(InvalidText::TooLong(3)));
        assert_eq!(lines("four", 3), Err(InvalidText::TooLong(3)));
        assert_eq!(lines("\0", 3), Err(InvalidText::Nul));
    }
}
