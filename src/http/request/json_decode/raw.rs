//! A value that is set aside as its text, to be read once its type is known.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The name by which a deserializer knows this type.
pub(super) const NAME: &str = "keyfold::Raw";

/// Text of a value, borrowed from the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'de>(pub(super) &'de str);

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, AsText)
    }
}

struct AsText;

impl<'de> Visitor<'de> for AsText {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    /// Takes the text from `serde_json`.
    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Raw<'de>, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|value| Raw(value.get()))
    }

    /// Takes the text from [`JsonValue`](super::value::JsonValue), which knows the name.
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Raw<'de>, E> {
        Ok(Raw(text))
    }
}
