//! Errors of parameters that the framework could not read, explained by their schema in the OpenAPI document.

use poem::Error;
use poem::http::Uri;
use poem_openapi::error::ParseParamError;
use poem_openapi::registry::{MetaOperation, MetaSchema, MetaSchemaRef};
use url::form_urlencoded;

use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;

/// Turns an error into a problem of ours if the framework could not read a parameter.
pub(super) fn explained(error: Error, uri: &Uri, operation: Option<&MetaOperation>) -> Error {
    let Some(ParseParamError { name, .. }) = error.downcast_ref() else { return error };
    let parameter =
        operation.and_then(|operation| operation.params.iter().find(|it| it.name == *name));
    let query = uri.query().unwrap_or_default().as_bytes();
    let values = form_urlencoded::parse(query).filter(|(given, _)| given == name);
    let values: Vec<_> = values.map(|(_, value)| value.into_owned()).collect();
    let explained = parameter.and_then(|parameter| flaw(&parameter.schema, &values));
    let (flaw, message) = explained.unwrap_or((Flaw::Invalid, "cannot be read".to_owned()));
    Problem::field(*name, flaw, message).into()
}

/// First rule of a schema that the values of a parameter break.
fn flaw(schema: &MetaSchemaRef, values: &[String]) -> Option<(Flaw, String)> {
    let [first, ..] = values else { return Some((Flaw::Missing, "is missing".to_owned())) };
    let MetaSchemaRef::Inline(schema) = schema else { return Some(no_word()) };
    match (schema.ty, &schema.items) {
        ("array", Some(items)) => flaw_of_list(schema, items, values),
        ("integer", _) => flaw_of_number(schema, first),
        ("boolean", _) => Some((Flaw::WrongType, "must be true or false".to_owned())),
        ("string", _) if schema.enum_items.is_empty() => flaw_of_text(schema, first),
        ("string", _) => Some(no_word()),
        (_, _) => None,
    }
}

fn no_word() -> (Flaw, String) {
    (Flaw::Invalid, "must be one of the documented values".to_owned())
}

fn flaw_of_list(
    schema: &MetaSchema,
    items: &MetaSchemaRef,
    values: &[String],
) -> Option<(Flaw, String)> {
    match schema.max_items {
        Some(most) if values.len() > most => {
            Some((Flaw::TooMany, format!("must have at most {most} elements")))
        }
        Some(_) | None => values.iter().find_map(|value| flaw(items, std::slice::from_ref(value))),
    }
}

fn flaw_of_number(schema: &MetaSchema, value: &str) -> Option<(Flaw, String)> {
    let Ok(number) = value.parse::<i128>() else {
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        return Some(if is_number { too_large() } else { no_number() });
    };
    let is_unsigned = schema.format.is_some_and(|format| format.starts_with("uint"));
    if is_unsigned && number < 0 {
        return Some(no_number());
    }
    if number > i128::from(u64::MAX) || (!is_unsigned && number > i128::from(i64::MAX)) {
        return Some(too_large());
    }
    // Bounds in the document are whole numbers.
    let bound = |bound: Option<f64>| bound.and_then(|it| format!("{it:.0}").parse::<i128>().ok());
    let (least, most) = (bound(schema.minimum), bound(schema.maximum));
    if let Some(least) = least.filter(|least| number < *least) {
        return Some((Flaw::TooSmall, format!("must be at least {least}")));
    }
    let most = most.filter(|most| number > *most)?;
    Some((Flaw::TooLarge, format!("must be at most {most}")))
}

fn no_number() -> (Flaw, String) {
    (Flaw::WrongType, "must be a whole number".to_owned())
}

fn too_large() -> (Flaw, String) {
    (Flaw::TooLarge, "is too large".to_owned())
}

fn flaw_of_text(schema: &MetaSchema, value: &str) -> Option<(Flaw, String)> {
    let length = value.chars().count();
    match (schema.min_length, schema.max_length) {
        (Some(1), _) if length == 0 => Some((Flaw::Empty, "must not be empty".to_owned())),
        (Some(least), _) if length < least => {
            Some((Flaw::TooShort, format!("must have at least {least} characters")))
        }
        (_, Some(most)) if length > most => {
            Some((Flaw::TooLong, format!("must have at most {most} characters")))
        }
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(schema: MetaSchema) -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(schema))
    }

    fn number() -> MetaSchema {
        let (minimum, maximum) = (Some(1.0), Some(1_000.0));
        MetaSchema { minimum, maximum, ..MetaSchema::new_with_format("integer", "uint64") }
    }

    fn list(items: MetaSchema) -> MetaSchemaRef {
        let items = Some(Box::new(text(items)));
        text(MetaSchema { items, max_items: Some(2), ..MetaSchema::new("array") })
    }

    /// Flaw and message for these values.
    fn told(schema: &MetaSchemaRef, values: &[&str]) -> Option<(Flaw, String)> {
        flaw(schema, &values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_parameter_is_explained_by_the_first_rule_that_it_breaks() {
        let word = MetaSchema { enum_items: vec!["asc".into()], ..MetaSchema::new("string") };
        let short = MetaSchema { min_length: Some(1), ..MetaSchema::new("string") };
        let name =
            MetaSchema { min_length: Some(3), max_length: Some(4), ..MetaSchema::new("string") };
        let cases: [(MetaSchemaRef, &[&str], Flaw, &str); 15] = [
            (text(number()), &[], Flaw::Missing, "is missing"),
            (text(number()), &["0"], Flaw::TooSmall, "must be at least 1"),
            (text(number()), &["1001"], Flaw::TooLarge, "must be at most 1000"),
            (text(number()), &["many"], Flaw::WrongType, "must be a whole number"),
            (text(number()), &["-1"], Flaw::WrongType, "must be a whole number"),
            (text(number()), &["18446744073709551616"], Flaw::TooLarge, "is too large"),
            (text(number()), &[&"9".repeat(99)], Flaw::TooLarge, "is too large"),
            (text(MetaSchema::new("boolean")), &["yes"], Flaw::WrongType, "must be true or false"),
            (text(word), &["up"], Flaw::Invalid, "must be one of the documented values"),
            (
                MetaSchemaRef::Reference("Sort".to_owned()),
                &["up"],
                Flaw::Invalid,
                "must be one of the documented values",
            ),
            (text(short), &[""], Flaw::Empty, "must not be empty"),
            (text(name.clone()), &["ab"], Flaw::TooShort, "must have at least 3 characters"),
            (text(name.clone()), &["abcde"], Flaw::TooLong, "must have at most 4 characters"),
            (
                list(name.clone()),
                &["abc", "abc", "abc"],
                Flaw::TooMany,
                "must have at most 2 elements",
            ),
            (list(name), &["abc", "abcde"], Flaw::TooLong, "must have at most 4 characters"),
        ];
        for (schema, values, flaw, message) in cases {
            assert_eq!(told(&schema, values), Some((flaw, message.to_owned())), "{values:?}");
        }
    }
}
