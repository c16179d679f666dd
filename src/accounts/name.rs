//! Names of people, as they write them.

use serde::{Deserialize, Serialize};

/// Longest name, in characters.
pub const MAX_CHARACTERS: usize = 200;

/// A person's name: 1 to 200 characters, trimmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

/// The text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing but spaces.
    #[error("must not be empty")]
    Empty,
    /// Longer than [`MAX_CHARACTERS`].
    #[error("must have at most 200 characters")]
    TooLong,
    /// Holds a control character.
    #[error("must not contain control characters")]
    ControlCharacter,
}

impl Name {
    /// The text as a name; spaces around it are dropped.
    ///
    /// # Errors
    ///
    /// When it is empty, too long or holds control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if text.chars().count() > MAX_CHARACTERS {
            return Err(InvalidName::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidName::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
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
        assert_eq!(Name::parse(" \t"), Err(InvalidName::Empty));
        assert_eq!(Name::parse(&"é".repeat(201)), Err(InvalidName::TooLong));
        assert_eq!(Name::parse("a\0b"), Err(InvalidName::ControlCharacter));
    }
}
