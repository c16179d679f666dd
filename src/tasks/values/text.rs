//! Titles and descriptions of tasks, bounded and checked when they are parsed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::text::{InvalidText, line, lines};

/// Most characters of a title, after trimming.
pub const TITLE_CHARACTERS: usize = 200;
/// Most characters of a description, as written.
pub const DESCRIPTION_CHARACTERS: usize = 2_000;

/// A task's title: one line of 1 to 200 characters after trimming.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Title(Box<str>);

impl Title {
    /// Parses a title, and trims white space around it.
    ///
    /// # Errors
    ///
    /// If the title is empty, too long, or has more than one line.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        Ok(Self(line(text, TITLE_CHARACTERS)?.into()))
    }

    /// The title as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A task's description: up to 2,000 characters, kept as written.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Description(Box<str>);

impl Description {
    /// Parses a description.
    ///
    /// # Errors
    ///
    /// If the description is too long or contains NUL.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        Ok(Self(lines(text, DESCRIPTION_CHARACTERS)?.into()))
    }

    /// The description as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_trimmed_and_any_script_is_welcome() {
        assert_eq!(Title::parse("  Kup mléko 🥛 \n").unwrap().as_str(), "Kup mléko 🥛");
        assert!(Title::parse(&"🥛".repeat(200)).is_ok());
    }

    #[test]
    fn a_description_is_kept_as_written() {
        assert_eq!(Description::parse(" two\n lines ").unwrap().as_str(), " two\n lines ");
        assert_eq!(Description::parse("").unwrap().as_str(), "");
        assert!(Description::parse(&"é".repeat(2_000)).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(Title::parse(" \u{a0}\t"), Err(InvalidText::Empty));
        assert_eq!(Title::parse(&"é".repeat(201)), Err(InvalidText::TooLong(200)));
        assert_eq!(Title::parse("a\0"), Err(InvalidText::ControlCharacter));
        assert_eq!(Description::parse(&"é".repeat(2_001)), Err(InvalidText::TooLong(2_000)));
        assert_eq!(Description::parse("\0"), Err(InvalidText::Nul));
    }
}
