//! Two properties of every value that clients send, whatever its type: the stored form is read back as the same value, and
//! the normal form is a fixed point.
//!
//! Each type is tested with the lines of its corpus in `tests/corpora`, to which a report of an odd value adds one, and with
//! texts made of their pieces.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::accounts::email::Email;
use crate::accounts::name::Name;
use crate::base::clock::Timestamp;
use crate::base::id::UserId;
use crate::base::rfc3339;
use crate::eventlog::Point;
use crate::tasks::listing::Cursor;
use crate::tasks::values::{Description, Due, Position, Priority, Tags, TaskId, Title};

/// Line of a corpus: a text, and the value that it stands for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    given: String,
    /// Normal form of the value; `None` if the text is refused.
    held: Option<String>,
    #[serde(default)]
    refused: bool,
    /// Oddity that the line is there for.
    #[serde(default, rename = "because")]
    _because: Option<String>,
}

fn corpus(lines: &str) -> Vec<Line> {
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.inspect(|line: &Line| assert_ne!(line.held.is_some(), line.refused)).collect()
}

/// Texts that resemble those of a corpus: pieces of them, in any order.
fn texts(lines: &'static str) -> impl Strategy<Value = String> {
    let pieces: Vec<String> = corpus(lines)
        .iter()
        .flat_map(|line| {
            let characters: Vec<char> = line.given.chars().take(60).collect();
            let halves = characters.split_at(characters.len() / 2);
            let text = |part: &[char]| part.iter().collect::<String>();
            [text(&characters), text(halves.0), text(halves.1)]
        })
        .collect();
    let piece = prop_oneof![
        8 => prop::sample::select(pieces),
        1 => any::<char>().prop_map(String::from),
        1 => prop::sample::select(vec![" ", "@", "\"", "\u{200b}", "\u{301}", ".", ":", "-", "+"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

/// Asserts that the stored form is read back as the same value.
fn assert_stored_as_held<T: Debug + PartialEq + Serialize + DeserializeOwned>(value: &T) {
    let stored = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&stored).unwrap(), value, "{stored}");
}

/// Asserts that the normal form is a fixed point.
fn assert_fixed<T: Debug + PartialEq>(
    value: &T,
    parse: impl Fn(&str) -> Option<T>,
    shown: impl Fn(&T) -> String,
) {
    let form = shown(value);
    let again = parse(&form);
    assert_eq!(again.as_ref(), Some(value), "{form}");
    assert_eq!(again.as_ref().map(shown), Some(form));
}

/// Tests a type with its corpus, given the function that parses a text and the one that shows a value.
macro_rules! value {
    ($name:ident, $type:ty, $corpus:literal, $parse:expr, $shown:expr) => {
        mod $name {
            use super::*;

            const LINES: &str = include_str!(concat!("../tests/corpora/", $corpus, ".jsonl"));

            fn parse(text: &str) -> Option<$type> {
                ($parse)(text)
            }

            fn shown(value: &$type) -> String {
                ($shown)(value)
            }

            #[test]
            fn every_line_of_the_corpus_is_held_as_it_says() {
                for line in corpus(LINES) {
                    let held = parse(&line.given).as_ref().map(shown);
                    assert_eq!(held, line.held, "{:?}", line.given);
                }
            }

            proptest! {
                #[test]
                fn what_is_stored_is_what_is_held(text in texts(LINES)) {
                    let given = corpus(LINES).into_iter().map(|line| line.given).chain([text]);
                    for value in given.filter_map(|text| parse(&text)) {
                        assert_stored_as_held(&value);
                    }
                }

                #[test]
                fn the_normal_form_is_a_fixed_point(text in texts(LINES)) {
                    let given = corpus(LINES).into_iter().map(|line| line.given).chain([text]);
                    for value in given.filter_map(|text| parse(&text)) {
                        assert_fixed(&value, parse, shown);
                    }
                }
            }
        }
    };
}

value!(address, Email, "addresses", |text| Email::parse(text).ok(), |email: &Email| {
    email.as_str().to_owned()
});
value!(name, Name, "names", |text| Name::parse(text).ok(), |name: &Name| name.as_str().to_owned());
value!(title, Title, "titles", |text| Title::parse(text).ok(), |title: &Title| {
    title.as_str().to_owned()
});
value!(
    description,
    Description,
    "descriptions",
    |text| Description::parse(text).ok(),
    |description: &Description| description.as_str().to_owned()
);
value!(tag, Tags, "tags", |text| Tags::parse(&[text]).ok(), |tags: &Tags| {
    tags.iter().collect::<String>()
});
value!(due, Due, "dues", |text: &str| text.parse().ok(), |due: &Due| due.as_str().to_owned());
value!(time, Timestamp, "times", |text| rfc3339::moment(text).ok(), Timestamp::to_string);
value!(priority, Priority, "priorities", |text: &str| text.parse().ok(), |priority: &Priority| {
    priority.as_str().to_owned()
});
value!(
    position,
    Position,
    "positions",
    |text| Position::parse(text).ok(),
    |position: &Position| { position.as_str().to_owned() }
);
value!(version, Point, "versions", |text: &str| text.parse().ok(), Point::to_string);
value!(task_id, TaskId, "ids", |text: &str| text.parse().ok(), TaskId::to_string);
value!(user_id, UserId, "ids", |text: &str| text.parse().ok(), UserId::to_string);

proptest! {
    /// A cursor is not stored, so it has one property only.
    #[test]
    fn the_normal_form_of_a_cursor_is_a_fixed_point(text in "[A-Za-z0-9_-]{0,60}") {
        if let Ok(cursor) = text.parse::<Cursor>() {
            assert_fixed(&cursor, |text| text.parse().ok(), Cursor::to_string);
        }
    }

    /// Due dates in every zone, on any day that has had one.
    #[test]
    fn a_due_date_of_any_zone_and_day_is_what_is_shown(
        day in -719_000_i64..2_900_000,
        second in 0_i64..86_400,
        zone in prop::sample::select(zones()),
    ) {
        let time = jiff::Timestamp::from_second(day * 86_400 + second).unwrap();
        let text = format!("{}[{zone}]", jiff::Zoned::new(time, jiff::tz::TimeZone::UTC).datetime());
        if let Ok(due) = text.parse::<Due>() {
            assert_stored_as_held(&due);
            assert_fixed(&due, |text| text.parse().ok(), |due: &Due| due.as_str().to_owned());
        }
    }
}

fn zones() -> Vec<String> {
    jiff::tz::db().available().map(|name| name.to_string()).collect()
}
