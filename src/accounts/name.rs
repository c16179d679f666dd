//! Names of users, as they write them.

use serde::{Deserialize, Serialize};

use crate::base::text::{InvalidText, line};

/// Longest name, in characters.
pub const MAX_CHARACTERS: usize = 200;

/// A user's name: one line of 1 to 200 characters after trimming.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Parses a text as a name; blanks around it are dropped.
    ///
    /// # Errors
    ///
    /// If the text is empty, too long or not of one line.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        Ok(Self(line(text, MAX_CHARACTERS)?.to_owned()))
    }

    /// The name as text, without blanks around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_people_write() {
        assert_eq!(Name::parse("  Žofie Müller-李  ").unwrap().as_str(), "Žofie Müller-李");
        assert!(Name::parse(&"é".repeat(200)).is_ok());
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        assert_eq!(Name::parse(" \t"), Err(InvalidText::Empty));
        assert_eq!(Name::parse(&"é".repeat(201)), Err(InvalidText::TooLong(200)));
        assert_eq!(Name::parse("a\0b"), Err(InvalidText::ControlCharacter));
    }
}
