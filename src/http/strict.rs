//! JSON read strictly: nothing unknown, nothing twice, and what is wrong is named by its place.

use std::fmt;

use poem::http::StatusCode;
use serde::de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::field::{FieldProblem, Flaw};
use super::problem::Problem;

/// What is wrong with the body as a whole is said of this field.
const BODY: &str = "body";

/// The `T` that a body holds.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let invalid = |code, message: String| Problem::new(StatusCode::BAD_REQUEST, code, message);
    let no_json = |error| invalid("INVALID_JSON", format!("The body is not JSON: {error}"));
    let text = std::str::from_utf8(body)
        .map_err(|_| invalid("INVALID_UTF8", "The body is not UTF-8".to_owned()))?;
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
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Note {
        title: String,
        #[serde(default)]
        is_done: bool,
        #[serde(default)]
        colour: Option<Colour>,
        #[serde(default)]
        parts: Vec<Part>,
        #[serde(default)]
        steps: Vec<Step>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Part {
        due_from: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "op", deny_unknown_fields, rename_all = "lowercase")]
    enum Step {
        Wait { seconds: u8 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
        Blue,
    }

    fn refused(body: &str) -> Problem {
        parse::<Note>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_body_of_the_right_shape_is_read() {
        let body = br#"{"title": "milk", "colour": "red", "parts": [{"dueFrom": 3}],
            "steps": [{"op": "wait", "seconds": 1}]}"#;
        let note = Note {
            title: "milk".to_owned(),
            is_done: false,
            colour: Some(Colour::Red),
            parts: vec![Part { due_from: 3 }],
            steps: vec![Step::Wait { seconds: 1 }],
        };
        assert_eq!(parse(body), Ok(note));
    }

    #[test]
    fn a_body_that_is_no_json_is_refused_as_a_whole() {
        let code = |body: &[u8]| parse::<Note>(body).unwrap_err().to_string();
        assert_eq!(code(b""), "400 Bad Request INVALID_JSON");
        assert_eq!(code(b"{\"title\": \"milk\"} x"), "400 Bad Request INVALID_JSON");
        assert_eq!(code(b"{\"title\": \"\\ud800\"}"), "400 Bad Request INVALID_JSON");
        assert_eq!(code(b"{\"title\": \"\xff\"}"), "400 Bad Request INVALID_UTF8");
    }

    #[test]
    fn every_way_to_be_wrong_has_its_flaw_and_names_its_place() {
        let known = "is not known, expected one of `title`, `isDone`, `colour`, `parts`, `steps`";
        let number = "invalid type: integer `5`, expected a string";
        for (body, field, flaw, message) in [
            ("{}", "title", Flaw::Missing, "is missing"),
            (r#"{"title": 5}"#, "title", Flaw::WrongType, number),
            (
                r#"{"title": "a", "title": "b"}"#,
                "title",
                Flaw::Duplicate,
                "is given more than once",
            ),
            (r#"{"title": "a", "is_done": true}"#, "is_done", Flaw::UnknownMember, known),
            (r#"{"title": "a", "`, expected x": 1}"#, "`, expected x", Flaw::UnknownMember, known),
            (
                r#"{"title": "a", "colour": "green"}"#,
                "colour",
                Flaw::Invalid,
                "unknown variant `green`, expected `red` or `blue`",
            ),
            (r#"{"title": "a", "colour": 5}"#, "colour", Flaw::WrongType, NO_WORD),
            (
                r#"{"title": "a", "colour": [1.5, null, "x", {"y": -1}]}"#,
                "colour",
                Flaw::WrongType,
                NO_WORD,
            ),
            (r#"{"title": "a", "parts": [{}]}"#, "parts[0].dueFrom", Flaw::Missing, "is missing"),
            (
                r#"{"title": "a", "parts": [{"dueFrom": 1}, {"dueFrom": 1, "dueFrom": 2}]}"#,
                "parts[1].dueFrom",
                Flaw::Duplicate,
                "is given more than once",
            ),
            (
                r#"{"title": "a", "parts": [{"dueFrom": 1, "parts": 1}]}"#,
                "parts[0].parts",
                Flaw::UnknownMember,
                "is not known, expected `dueFrom`",
            ),
            (
                r#"{"title": "a", "parts": [{"dueFrom": 256}]}"#,
                "parts[0].dueFrom",
                Flaw::Invalid,
                "invalid value: integer `256`, expected u8",
            ),
            (
                r#"{"title": "a", "parts": [7]}"#,
                "parts[0]",
                Flaw::WrongType,
                "must be a JSON object",
            ),
            ("7", "body", Flaw::WrongType, "must be a JSON object"),
            ("[]", "body", Flaw::WrongType, "must be a JSON object"),
        ] {
            assert_eq!(refused(body), Problem::field(field, flaw, message), "{body}");
        }
    }

    /// The reader looks for the name of the variant first, and knows no place within what it has set aside.
    #[test]
    fn an_element_that_says_what_it_is_is_named_too() {
        let known = "is not known, expected `seconds`";
        let variant = "unknown variant `run`, expected `wait`";
        let text = "invalid type: string \", expected struct x\", expected u8";
        for (step, field, flaw, message) in [
            ("7", "steps[0]", Flaw::WrongType, "must be a JSON object"),
            ("{}", "steps[0].op", Flaw::Missing, "is missing"),
            (r#"{"op": "run"}"#, "steps[0].op", Flaw::Invalid, variant),
            (r#"{"op": "wait"}"#, "steps[0].seconds", Flaw::Missing, "is missing"),
            (r#"{"op": "wait", "seconds": 1, "x": 1}"#, "steps[0].x", Flaw::UnknownMember, known),
            (
                r#"{"op": "wait", "seconds": ", expected struct x"}"#,
                "steps[0]",
                Flaw::WrongType,
                text,
            ),
        ] {
            let body = format!(r#"{{"title": "a", "steps": [{step}]}}"#);
            assert_eq!(refused(&body), Problem::field(field, flaw, message), "{body}");
        }
    }

    /// A value that was set aside and read by itself.
    #[derive(Debug, PartialEq)]
    struct Aside(Note);

    impl<'de> Deserialize<'de> for Aside {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            nested(<&RawValue>::deserialize(deserializer)?).map(Self)
        }
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Asides {
        asides: Vec<Aside>,
    }

    #[test]
    fn what_is_wrong_with_a_value_that_was_set_aside_has_its_whole_place() {
        let number = "invalid type: integer `5`, expected a string";
        for (aside, field, flaw, message) in [
            (r#"{"title": 5}"#, "asides[1].title", Flaw::WrongType, number),
            (r#"{"title": "a", "colour": 5}"#, "asides[1].colour", Flaw::WrongType, NO_WORD),
            ("{}", "asides[1].title", Flaw::Missing, "is missing"),
            ("7", "asides[1]", Flaw::WrongType, "must be a JSON object"),
            ("[]", "asides[1]", Flaw::WrongType, "must be a JSON object"),
            (
                r#"{"title": "a", "parts": [{}]}"#,
                "asides[1].parts[0].dueFrom",
                Flaw::Missing,
                "is missing",
            ),
        ] {
            let body = format!(r#"{{"asides": [{{"title": "fine"}}, {aside}]}}"#);
            let refused = parse::<Asides>(body.as_bytes()).unwrap_err();
            assert_eq!(refused, Problem::field(field, flaw, message), "{aside}");
        }
    }

    #[test]
    fn what_a_client_sent_is_shown_cut_to_a_sane_length() {
        let long = "x".repeat(100_000);
        let body = format!(r#"{{"title": "a", "{long}": 1}}"#);
        let field = format!("{}…{}", &long[..128], &long[..128]);
        let known = "is not known, expected one of `title`, `isDone`, `colour`, `parts`, `steps`";
        assert_eq!(refused(&body), Problem::field(field, Flaw::UnknownMember, known));
        let body = format!(r#"{{"title": "a", "isDone": "{long}"}}"#);
        let (begin, end) = ("invalid type: string \"", "\", expected a boolean");
        let message =
            format!("{begin}{}…{}{end}", &long[..128 - begin.len()], &long[..128 - end.len()]);
        assert_eq!(refused(&body), Problem::field("isDone", Flaw::WrongType, message));
    }
}
