//! A JSON value as a deserializer whose errors have flaw and path. It reads one level at a time.
//!
//! It is for values that do not fit; values that do are read by `serde_json` alone.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_json::value::RawValue;

use super::error::{BodyError, NO_OBJECT, PathStep};
use super::raw;
use crate::http::response::problem::field_problem::Flaw;

/// Message for a value in the place of a string.
pub(super) const NO_WORD: &str = "invalid type: no string, expected a string";

/// Text of a value, of which each level is read on its own.
pub(super) struct JsonValue<'de>(pub(super) &'de str);

impl<'de> JsonValue<'de> {
    /// Hands the level below to a visitor, element by element or member by member.
    fn descend<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        let mut json = serde_json::Deserializer::from_str(self.0);
        let mut found = None;
        let read = json.deserialize_any(JsonLevel { visitor, found: &mut found });
        match (found, read) {
            (Some(found), _) => found,
            (None, Err(error)) => Err(no_json(error)),
            (None, Ok(())) => Err(BodyError::new(Flaw::Invalid, "cannot be read")),
        }
    }

    fn text(&self) -> Result<String, BodyError> {
        serde_json::from_str(self.0).map_err(no_json)
    }

    fn number<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, BodyError> {
        let number: Number = serde_json::from_str(self.0).map_err(no_json)?;
        match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => visitor.visit_u64(number),
            (None, Some(number), _) => visitor.visit_i64(number),
            (None, None, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
        }
    }
}

fn no_json(error: impl fmt::Display) -> BodyError {
    BodyError::new(Flaw::Invalid, error.to_string())
}

impl<'de> Deserializer<'de> for JsonValue<'de> {
    type Error = BodyError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        match self.0.bytes().next() {
            Some(b'n') => visitor.visit_unit(),
            Some(b't') => visitor.visit_bool(true),
            Some(b'f') => visitor.visit_bool(false),
            Some(b'"') => visitor.visit_string(self.text()?),
            Some(b'[' | b'{') => self.descend(visitor),
            Some(_) | None => self.number(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        if self.0 == "null" { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, BodyError> {
        if name == raw::NAME {
            visitor.visit_borrowed_str(self.0)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    /// Refuses an array, from which `serde` would read a struct too, field by field.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, BodyError> {
        if self.0.starts_with('{') {
            self.descend(visitor)
        } else {
            Err(BodyError::new(Flaw::WrongType, NO_OBJECT))
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, BodyError> {
        if !self.0.starts_with('"') {
            return Err(BodyError::new(Flaw::WrongType, NO_WORD));
        }
        visitor.visit_enum(self.text()?.into_deserializer())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier
    }
}

/// A visitor of one level, whose values are read by [`JsonValue`]. The result is set aside, because the reader of the level
/// would replace it by an error of its own about the rest of the text.
struct JsonLevel<'f, T, V> {
    /// Visitor of the type that is read.
    visitor: V,
    /// Place for the result, out of reach of the reader of the level.
    found: &'f mut Option<Result<T, BodyError>>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for JsonLevel<'_, V::Value, V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        *self.found = Some(self.visitor.visit_seq(Elements { elements, index: 0 }));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        *self.found = Some(self.visitor.visit_map(Members { members, name: String::new() }));
        Ok(())
    }
}

/// The elements of an array, one after the other.
struct Elements<A> {
    /// Access to the array, which yields each element as its text.
    elements: A,
    /// Index of the next element, for the path of its error.
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<A> {
    type Error = BodyError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, BodyError> {
        let element: Option<&'de RawValue> = self.elements.next_element().map_err(no_json)?;
        let Some(element) = element else { return Ok(None) };
        let step = PathStep::Element(self.index);
        self.index += 1;
        seed.deserialize(JsonValue(element.get())).map(Some).map_err(|error| error.within(step))
    }
}

/// The members of an object, one after the other.
struct Members<A> {
    /// Access to the object, which yields each value as its text.
    members: A,
    /// Name of the member whose value comes next, for the path of its error.
    name: String,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<A> {
    type Error = BodyError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, BodyError> {
        let name: Option<String> = self.members.next_key().map_err(no_json)?;
        let Some(name) = name else { return Ok(None) };
        self.name.clone_from(&name);
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, BodyError> {
        let value: &'de RawValue = self.members.next_value().map_err(no_json)?;
        let step = PathStep::Member(std::mem::take(&mut self.name));
        seed.deserialize(JsonValue(value.get())).map_err(|error| error.within(step))
    }
}
