//! JSON read strictly: nothing unknown, nothing twice, and what is wrong is named by its place.

use std::fmt;

use serde::de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::http::response::problem::field_problem::{FieldProblem, Flaw};

/// What is wrong with the body as a whole is said of this field.
const BODY: &str = "body";

/// The `T` that a body holds.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let invalid = |code, message: String| Problem::new(code, message);
    let no_json = |error| invalid(codes::INVALID_JSON, format!("The body is not JSON: {error}"));
    let text = std::str::from_utf8(body)
        .map_err(|_| invalid(codes::INVALID_UTF8, "The body is not UTF-8".to_owned()))?;
    // Some software begins every text with it (RFC 8259, section 8.1).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A struct would be read from an array too, field by field: nobody means that.
    if text.trim_start().starts_with('[') {
        return Err(Problem::field(BODY, Flaw::WrongType, "must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        if error.inner().is_data() {
            Problem::fields(vec![misfit(&error)])
        } else if is_json(text) {
            // The reader takes a value that cannot be a word for no JSON where a word is wanted.
            Problem::field(place(&path_of(error.path())), Flaw::WrongType, NO_WORD)
        } else {
            no_json(error.into_inner())
        }
    })?;
    deserializer.end().map_err(no_json)?;
    Ok(value)
}

/// What is said where a word is wanted and something else stands.
const NO_WORD: &str = "invalid type: no string, expected a string";

/// Begins the reason of an error in a value that was read by itself: its path and the actual reason follow, each behind one.
const NESTED: char = '\u{1}';

/// The `T` that a value holds which was set aside, because another part of it says what to read it as. What does not fit is
/// named by its whole place all the same.
///
/// # Errors
///
/// What does not fit, for [`parse`] to tell.
pub(crate) fn nested<T: DeserializeOwned, E: de::Error>(value: &RawValue) -> Result<T, E> {
    let told = |path: &str, reason: &str| E::custom(format!("{NESTED}{path}{NESTED}{reason}"));
    let text = value.get();
    if text.starts_with('[') {
        return Err(told("", "invalid type: sequence, expected struct of ours"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let reason = without_place(error.inner());
        let is_word_wanted = !error.inner().is_data() && is_json(text);
        told(&path_of(error.path()), if is_word_wanted { NO_WORD } else { &reason })
    })
}

/// Whether a text is JSON, to the last character of its texts. Nothing of it is kept.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<AnyJson>(text).is_ok()
}

/// Any value. Unlike one that is ignored, its texts are read.
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

/// What does not fit, from the reader's own words.
fn misfit(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldProblem {
    let (path, reason) = (path_of(error.path()), without_place(error.inner()));
    let nested = reason.strip_prefix(NESTED).and_then(|rest| rest.split_once(NESTED));
    match nested {
        Some((inner, reason)) => misfit_at(&joined(&path, inner), reason),
        None => misfit_at(&path, &reason),
    }
}

/// The same for the value at a path, which is empty for the whole body.
fn misfit_at(path: &str, reason: &str) -> FieldProblem {
    let (field, flaw, message) = if let Some(name) = named("missing field `", reason) {
        (member(path, name), Flaw::Missing, "is missing".to_owned())
    } else if let Some(name) = named("duplicate field `", reason) {
        (member(path, name), Flaw::Duplicate, "is given more than once".to_owned())
    } else if let Some((name, known)) = unknown(reason) {
        (member(path, name), Flaw::UnknownMember, format!("is not known, {known}"))
    } else if wants_object(reason) {
        (place(path), Flaw::WrongType, "must be a JSON object".to_owned())
    } else if reason.starts_with("invalid type: ") {
        (place(path), Flaw::WrongType, reason.to_owned())
    } else {
        (place(path), Flaw::Invalid, reason.to_owned())
    };
    FieldProblem::new(field, flaw, message)
}

/// The reason alone: the field's path says where better than line and column do.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

/// The name at the end of a reason that begins like this.
fn named<'a>(beginning: &str, reason: &'a str) -> Option<&'a str> {
    reason.strip_prefix(beginning)?.strip_suffix('`')
}

/// The name of a member that does not exist, and which there are. The name is the client's: whatever it looks like, what
/// follows the last of these separators is ours.
fn unknown(reason: &str) -> Option<(&str, String)> {
    let reason = reason.strip_prefix("unknown field `")?;
    let expected = || reason.rsplit_once("`, expected ");
    let known = expected().map(|(name, known)| (name, format!("expected {known}")));
    known.or_else(|| {
        let (name, _) = reason.rsplit_once("`, there are no fields")?;
        Some((name, "there are no fields".to_owned()))
    })
}

/// Whether something else stands where one of our types was wanted, whose name is nothing to a client.
fn wants_object(reason: &str) -> bool {
    let ours = ["struct ", "internally tagged enum ", "adjacently tagged enum "];
    let is_ours = |expected: &str| ours.iter().any(|kind| expected.starts_with(kind));
    reason.starts_with("invalid type: ")
        && reason.rsplit_once(", expected ").is_some_and(|(_, expected)| is_ours(expected))
}

fn path_of(path: &serde_path_to_error::Path) -> String {
    if path.iter().len() == 0 { String::new() } else { path.to_string() }
}

fn joined(outer: &str, inner: &str) -> String {
    let separator = if outer.is_empty() || inner.is_empty() { "" } else { "." };
    [outer, separator, inner].concat()
}

fn place(path: &str) -> String {
    if path.is_empty() { BODY.to_owned() } else { path.to_owned() }
}

/// The place of a member. The path leads to it or, if it is about its absence, to what should have it.
fn member(path: &str, name: &str) -> String {
    let before = path.strip_suffix(name);
    let is_there = before.is_some_and(|before| before.is_empty() || before.ends_with('.'));
    if is_there { path.to_owned() } else { joined(path, name) }
}

#[cfg(test)]
mod tests;
