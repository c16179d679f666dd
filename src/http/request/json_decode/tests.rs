//! Tests of the strict reader: bodies that fit, and the name of every flaw.

use super::value::NO_WORD;
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
    assert_eq!(parse(body).as_ref(), Ok(&note));
    let marked = ["\u{feff}".as_bytes(), body].concat();
    assert_eq!(parse(&marked), Ok(note), "behind a byte-order mark");
}

#[test]
fn a_body_that_is_no_json_is_refused_as_a_whole() {
    let code = |body: &[u8]| parse::<Note>(body).unwrap_err().to_string();
    assert_eq!(code(b""), "400 Bad Request INVALID_JSON");
    assert_eq!(code(b"{\"title\": \"milk\"} x"), "400 Bad Request INVALID_JSON");
    assert_eq!(code(b"{} x"), "400 Bad Request INVALID_INPUT", "the first flaw is told");
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
        (r#"{"title": "a", "title": "b"}"#, "title", Flaw::Duplicate, "is given more than once"),
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
        (r#"{"title": "a", "parts": [7]}"#, "parts[0]", Flaw::WrongType, "must be a JSON object"),
        ("7", "body", Flaw::WrongType, "must be a JSON object"),
        ("[]", "body", Flaw::WrongType, "must be a JSON object"),
    ] {
        assert_eq!(refused(body), Problem::field(field, flaw, message), "{body}");
    }
}

/// The reader looks for the name of the variant first, and knows no path within the value that it has set aside.
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
        (r#"{"op": "wait", "seconds": ", expected struct x"}"#, "steps[0]", Flaw::WrongType, text),
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
        nested(Raw::deserialize(deserializer)?).map(Self)
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
