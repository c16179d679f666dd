//! A strict reader of JSON: unknown and repeated members are refused, and a flaw is named by its path.

mod error;
mod raw;
mod value;

use std::fmt;

use serde::de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use self::error::{BodyError, NO_OBJECT};
pub(crate) use self::raw::Raw;
use self::value::JsonValue;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::http::response::problem::field_problem::Flaw;

/// Reads a body as a `T`.
///
/// `serde_json` reads it. A body that does not fit is read once more, by a reader that knows paths and flaws.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Problem::new(codes::INVALID_UTF8, "The body is not UTF-8"))?;
    // Some software begins every text with a byte order mark (RFC 8259, section 8.1).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    // `serde` would read a struct from an array too, field by field, which no client means.
    if text.starts_with('[') {
        return Err(Problem::fields(vec![BodyError::new(Flaw::WrongType, NO_OBJECT).problem()]));
    }
    serde_json::from_str(text).map_err(|error| {
        // A word that is wanted and not there is no data error: the reader then takes the text for no JSON.
        if error.is_data() || is_json(text) {
            Problem::fields(vec![misfit::<T>(text, &error).problem()])
        } else {
            Problem::new(codes::INVALID_JSON, format!("The body is not JSON: {error}"))
        }
    })
}

/// Reads a value that was set aside as a `T`, once another part of the body has told its type. An error has its whole path
/// all the same.
///
/// # Errors
///
/// If the value does not fit; the error carries its flaw and path to [`parse`].
pub(crate) fn nested<T: DeserializeOwned, E: de::Error>(value: Raw<'_>) -> Result<T, E> {
    let Raw(text) = value;
    let told = |error: BodyError| E::custom(error.nested());
    if text.starts_with('[') {
        return Err(told(BodyError::new(Flaw::WrongType, NO_OBJECT)));
    }
    serde_json::from_str(text).map_err(|error| told(misfit::<T>(text, &error)))
}

/// Finds the value that does not fit in a text that is JSON.
fn misfit<T: DeserializeOwned>(text: &str, error: &serde_json::Error) -> BodyError {
    let read = T::deserialize(JsonValue(text));
    read.err().unwrap_or_else(|| BodyError::new(Flaw::Invalid, error.to_string()))
}

/// Returns true if a text is JSON, to the last character of its strings. Nothing of it is kept.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<AnyJson>(text).is_ok()
}

/// Any value. Unlike with `IgnoredAny`, its strings are checked.
struct AnyJson;

impl<'de> Deserialize<'de> for AnyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for AnyJson {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
