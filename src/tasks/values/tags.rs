//! Tags of a task, and the rules for them.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::base::text::{InvalidText, line};

/// Most tags of one task.
pub const MAX_TAGS: usize = 20;
/// Most characters of one tag.
pub const TAG_CHARACTERS: usize = 50;

/// Separates tags in a text that holds several (CSV), and is therefore forbidden in tags.
pub const TAG_SEPARATOR: char = ';';

/// Tags of a task: at most 20, in the order given, without repeats that differ only in case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(Box<[Box<str>]>);

/// Reasons for which tags are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTag {
    /// There are more than [`MAX_TAGS`] tags.
    #[error("must have at most {MAX_TAGS} tags")]
    TooMany,
    /// A tag has no visible character.
    #[error("must not be empty")]
    Empty,
    /// A tag has more than [`TAG_CHARACTERS`] characters.
    #[error("must have at most {TAG_CHARACTERS} characters")]
    TooLong,
    /// A tag contains a character that is forbidden in tags.
    #[error("must not contain a semicolon or a control character")]
    Forbidden,
}

impl Tags {
    /// Parses tags. White space around each is trimmed, and repeats are dropped.
    ///
    /// # Errors
    ///
    /// If a tag is invalid, with its index; or if there are too many tags, without one.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, (Option<usize>, InvalidTag)> {
        if texts.len() > MAX_TAGS {
            return Err((None, InvalidTag::TooMany));
        }
        let mut tags: Vec<Box<str>> = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let tag = tag(text.as_ref()).map_err(|error| (Some(index), error))?;
            if !tags.iter().any(|present| same(present, tag)) {
                tags.push(tag.into());
            }
        }
        Ok(Self(tags.into()))
    }

    /// True if there are no tags.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes on the heap, beside the size of the value itself.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.0) + self.iter().map(str::len).sum::<usize>()
    }

    /// The tags in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|tag| &**tag)
    }
}

/// True if two tags are equal without regard to case and to Unicode composition.
fn same(one: &str, other: &str) -> bool {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).nfc().collect::<String>();
    one == other || lower(one) == lower(other)
}

fn tag(text: &str) -> Result<&str, InvalidTag> {
    let tag = line(text, TAG_CHARACTERS)?;
    if tag.contains(TAG_SEPARATOR) { Err(InvalidTag::Forbidden) } else { Ok(tag) }
}

impl From<InvalidText> for InvalidTag {
    fn from(error: InvalidText) -> Self {
        match error {
            InvalidText::Empty => Self::Empty,
            InvalidText::TooLong(_) => Self::TooLong,
            InvalidText::ControlCharacter | InvalidText::Nul => Self::Forbidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(texts: &[&str]) -> Vec<String> {
        Tags::parse(texts).unwrap().iter().map(str::to_owned).collect()
    }

    #[test]
    fn tags_are_trimmed_and_kept_in_order_without_repeats() {
        assert_eq!(tags(&[" home ", "Práce", "HOME", "práce"]), ["home", "Práce"]);
        assert_eq!(tags(&["caf\u{e9}", "CAFE\u{301}", "cafe"]), ["caf\u{e9}", "cafe"]);
        assert_eq!(tags(&[]), [""; 0]);
    }

    #[test]
    fn twenty_tags_of_fifty_characters_fit() {
        let texts: Vec<_> = (10..30).map(|number| format!("{}{number}", "é".repeat(48))).collect();
        assert_eq!(Tags::parse(&texts).unwrap().iter().count(), 20);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_named() {
        let refused = |texts: &[&str]| Tags::parse(texts).unwrap_err();
        assert_eq!(refused(&["a", "  "]), (Some(1), InvalidTag::Empty));
        assert_eq!(refused(&[&"é".repeat(51)]), (Some(0), InvalidTag::TooLong));
        assert_eq!(refused(&["a;b"]), (Some(0), InvalidTag::Forbidden));
        assert_eq!(refused(&["a", "b\u{7}"]), (Some(1), InvalidTag::Forbidden));
        assert_eq!(refused(&["x"; 21]), (None, InvalidTag::TooMany));
    }
}
