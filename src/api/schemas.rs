//! Schemas of the features' values in the OpenAPI document. The features themselves do not depend on OpenAPI.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{
    ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type,
};
use serde_json::Value;

use crate::eventlog::{Point, VersionInHistory};
use crate::tasks::events::EditKind;
use crate::tasks::history::entry::{ChangeKind, HistoryFilter};
use crate::tasks::listing::{Order, Sort};
use crate::tasks::values::Priority;

/// Gives a type that is written as text the schema of a string with this pattern.
macro_rules! notation {
    ($type:ty, $pattern:literal) => {
        impl Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                "string".into()
            }

            fn schema_ref() -> MetaSchemaRef {
                let pattern = Some($pattern.to_owned());
                MetaSchemaRef::Inline(Box::new(MetaSchema { pattern, ..MetaSchema::new("string") }))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                Some(Value::String(self.to_string()))
            }
        }

        impl ParseFromJSON for $type {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
            }
        }
    };
}

notation!(Point, r"^(0|[1-9][0-9]*\.[A-Za-z0-9_-]{8})$");
notation!(VersionInHistory, r"^((0|[1-9][0-9]*)@)?(0|[1-9][0-9]*\.[A-Za-z0-9_-]{8})$");

/// Gives an enum a schema of its own with these words.
macro_rules! words {
    ($type:ident as $name:literal, $description:literal: $($variant:ident = $word:literal),+) => {
        impl Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference(Self::name().into_owned())
            }

            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>(Self::name().into_owned(), |_| MetaSchema {
                    description: Some($description),
                    enum_items: vec![$($word.into()),+],
                    ..MetaSchema::new("string")
                });
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                Some(match self { $(Self::$variant => $word.into()),+ })
            }
        }

        impl ParseFromParameter for $type {
            fn parse_from_parameter(value: &str) -> ParseResult<Self> {
                match value {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ParseError::custom("Expect a valid enumeration value.")),
                }
            }
        }

        impl ParseFromJSON for $type {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                let value = value.unwrap_or_default();
                let known = value.as_str().and_then(|word| Self::parse_from_parameter(word).ok());
                known.ok_or_else(|| ParseError::expected_type(value))
            }
        }
    };
}

words!(Priority as "Priority", "How urgent a task is, from least to most.":
    None = "none", Low = "low", Medium = "medium", High = "high");
words!(Sort as "Sort", "What a list is sorted by.":
    Created = "created", Updated = "updated", Due = "due", Priority = "priority", Position = "position");
words!(Order as "Order", "Which way.": Asc = "asc", Desc = "desc");
words!(ChangeKind as "Kind", "What can happen to a task.":
    Created = "created", Changed = "changed", Deleted = "deleted", Restored = "restored");
words!(HistoryFilter as "ToldChanges", "What is told of a list, if not everything.": Deleted = "deleted");
words!(EditKind as "Deed", "Whether something was done, taken back or done again.":
    Do = "do", Undo = "undo", Redo = "redo");
