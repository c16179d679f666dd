//! Query and path parameters that the framework could not parse, in our words.

use crate::http::response::field_problem::Flaw;
use crate::http::response::problem::Problem;

/// What the framework refused. Its text says which parameter between back quotes.
pub(crate) fn refused(text: &str) -> Problem {
    match text.split('`').collect::<Vec<_>>().as_slice() {
        [_, name, reason, ..] => {
            let (flaw, message) = flaw(reason.trim_start_matches([':', ' ']));
            Problem::field(*name, flaw, message)
        }
        _ => Problem::not_understood(),
    }
}

/// The framework's reason taken apart: `verification failed. minimum(1, exclusive: false)` is "must be at least 1".
fn flaw(reason: &str) -> (Flaw, String) {
    let rule = reason.trim_start_matches("verification failed. ");
    let (rule, arguments) = rule.split_once('(').unwrap_or((rule, ""));
    let bound = arguments.split([',', ')']).next().unwrap_or_default();
    match rule {
        "minimum" => (Flaw::TooSmall, format!("must be at least {bound}")),
        "maximum" => (Flaw::TooLarge, format!("must be at most {bound}")),
        "minLength" if bound == "1" => (Flaw::Empty, "must not be empty".to_owned()),
        "minLength" => (Flaw::TooShort, format!("must have at least {bound} characters")),
        "maxLength" => (Flaw::TooLong, format!("must have at most {bound} characters")),
        "maxItems" => (Flaw::TooMany, format!("must have at most {bound} elements")),
        _ if reason.ends_with("expects an input value.") => {
            (Flaw::Missing, "is missing".to_owned())
        }
        _ if reason.ends_with("number too large to fit in target type") => {
            (Flaw::TooLarge, "is too large".to_owned())
        }
        _ if reason.contains("integer") => (Flaw::WrongType, "must be a whole number".to_owned()),
        _ if reason.contains("boolean") => (Flaw::WrongType, "must be true or false".to_owned()),
        _ if reason.contains("enumeration") => {
            (Flaw::Invalid, "must be one of the documented values".to_owned())
        }
        _ => (Flaw::Invalid, "cannot be read".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, reason of the framework, flaw and reason of ours.
    const REFUSED: [(&str, &str, Flaw, &str); 12] = [
        ("from", "Type \"integer(uint64)\" expects an input value.", Flaw::Missing, "is missing"),
        ("from", "failed to parse \"date\": no", Flaw::Invalid, "cannot be read"),
        (
            "limit",
            "verification failed. minimum(1, exclusive: false)",
            Flaw::TooSmall,
            "must be at least 1",
        ),
        (
            "limit",
            "verification failed. maximum(1000, exclusive: false)",
            Flaw::TooLarge,
            "must be at most 1000",
        ),
        (
            "limit",
            "failed to parse \"integer(uint64)\": invalid digit found in string",
            Flaw::WrongType,
            "must be a whole number",
        ),
        (
            "limit",
            "failed to parse \"integer(uint64)\": number too large to fit in target type",
            Flaw::TooLarge,
            "is too large",
        ),
        (
            "done",
            "failed to parse \"boolean\": provided string was not `true` or `false`",
            Flaw::WrongType,
            "must be true or false",
        ),
        (
            "sort",
            "failed to parse \"Sort\": Expect a valid enumeration value.",
            Flaw::Invalid,
            "must be one of the documented values",
        ),
        ("q", "verification failed. minLength(1)", Flaw::Empty, "must not be empty"),
        (
            "q",
            "verification failed. minLength(3)",
            Flaw::TooShort,
            "must have at least 3 characters",
        ),
        (
            "q",
            "verification failed. maxLength(200)",
            Flaw::TooLong,
            "must have at most 200 characters",
        ),
        (
            "label",
            "verification failed. maxItems(20)",
            Flaw::TooMany,
            "must have at most 20 elements",
        ),
    ];

    #[test]
    fn a_parameter_the_framework_refuses_is_named_and_explained() {
        for (name, reason, flaw, message) in REFUSED {
            let text = format!("failed to parse parameter `{name}`: {reason}");
            assert_eq!(refused(&text), Problem::field(name, flaw, message), "{reason}");
        }
        assert_eq!(refused("no parameter is named"), Problem::not_understood());
    }
}
