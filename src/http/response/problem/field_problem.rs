//! A field that is not as it should be, with its stable code.
//!
//! Every limit has its own code, made of the field's own name and its flaw: `TITLE_TOO_LONG`. A program need not read
//! messages, and one that shows a form knows the place of each message.

use std::fmt;

use poem_openapi::Object;
use serde::Serialize;

/// A field that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
pub struct FieldProblem {
    /// Path of the field in the request, for instance `title`.
    pub field: String,
    /// Stable name of what is wrong with it, for programs: `TITLE_TOO_LONG` for instance.
    pub code: String,
    /// What is wrong with it, for people.
    pub message: String,
}

/// Flaws of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is required and not there.
    Missing,
    /// It is there and holds nothing.
    Empty,
    /// It has too few characters.
    TooShort,
    /// It has too many characters.
    TooLong,
    /// The number is below its range.
    TooSmall,
    /// The number is above its range.
    TooLarge,
    /// It has too many elements.
    TooMany,
    /// It is not of the type it should be.
    WrongType,
    /// It names a thing that does not exist.
    Unknown,
    /// An object has no such member. The name is the client's own, so it is no part of the code.
    UnknownMember,
    /// A table has no such column. The name is the client's own, so it is no part of the code.
    UnknownColumn,
    /// A query has no such parameter. The name is the client's own, so it is no part of the code.
    UnknownParameter,
    /// It appears more than once.
    Duplicate,
    /// Its value belongs to another account.
    Taken,
    /// It is of the right type, but not what it should be.
    Invalid,
}

/// Most fields that an answer names.
pub(super) const MOST_DETAILS: usize = 100;
/// Bytes after which a message names no further field.
const LONG_MESSAGE: usize = 16 * 1024;
/// Most characters that are shown of a text that may be the client's own.
const MOST_SHOWN: usize = 256;

impl FieldProblem {
    /// Makes the problem of the field at this path; its code follows from the path and the flaw.
    pub fn new(field: impl Into<String>, flaw: Flaw, message: impl fmt::Display) -> Self {
        let field = shown(field.into());
        let code = flaw.code(&field);
        Self { field, code, message: shown(message.to_string()) }
    }

    /// Makes the problem of the field at this path from the error of its value.
    pub fn of<E: Copy + fmt::Display>(field: impl Into<String>, error: E) -> Self
    where
        Flaw: From<E>,
    {
        Self::new(field, error.into(), error)
    }
}

/// Joins the problems of fields in one sentence for users.
pub(super) fn told(details: &[FieldProblem]) -> String {
    let mut message = String::new();
    for FieldProblem { field, message: reason, .. } in details {
        if message.len() > LONG_MESSAGE {
            message.push_str("; …");
            break;
        }
        let separator = if message.is_empty() { "" } else { "; " };
        message.extend([separator, field, " ", reason]);
    }
    message
}

impl Flaw {
    /// Every flaw, among which the strict reader finds one by its name.
    pub(crate) const ALL: [Self; 15] = [
        Self::Missing,
        Self::Empty,
        Self::TooShort,
        Self::TooLong,
        Self::TooSmall,
        Self::TooLarge,
        Self::TooMany,
        Self::WrongType,
        Self::Unknown,
        Self::UnknownMember,
        Self::UnknownColumn,
        Self::UnknownParameter,
        Self::Duplicate,
        Self::Taken,
        Self::Invalid,
    ];

    fn code(self, path: &str) -> String {
        let whose = match self {
            Self::UnknownMember => "MEMBER",
            Self::UnknownColumn => "COLUMN",
            Self::UnknownParameter => "PARAMETER",
            Self::Missing
            | Self::Empty
            | Self::TooShort
            | Self::TooLong
            | Self::TooSmall
            | Self::TooLarge
            | Self::TooMany
            | Self::WrongType
            | Self::Unknown
            | Self::Duplicate
            | Self::Taken
            | Self::Invalid => &upper_snake(own_name(path)),
        };
        format!("{whose}_{}", self.suffix())
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Missing => "MISSING",
            Self::Empty => "EMPTY",
            Self::TooShort => "TOO_SHORT",
            Self::TooLong => "TOO_LONG",
            Self::TooSmall => "TOO_SMALL",
            Self::TooLarge => "TOO_LARGE",
            Self::TooMany => "TOO_MANY",
            Self::WrongType => "WRONG_TYPE",
            Self::Unknown | Self::UnknownMember | Self::UnknownColumn | Self::UnknownParameter => {
                "UNKNOWN"
            }
            Self::Duplicate => "DUPLICATE",
            Self::Taken => "TAKEN",
            Self::Invalid => "INVALID",
        }
    }
}

/// Cuts a text that may be the client's own and of any length to its two ends.
fn shown(text: String) -> String {
    if text.len() <= MOST_SHOWN || text.chars().nth(MOST_SHOWN).is_none() {
        return text;
    }
    let half = MOST_SHOWN / 2;
    let end: Vec<char> = text.chars().rev().take(half).collect();
    let begin = text.chars().take(half);
    begin.chain(['…']).chain(end.into_iter().rev()).collect()
}

/// Last name of a path: for an element of a list, that of the list.
fn own_name(path: &str) -> &str {
    let own = path.rsplit('.').next().unwrap_or(path);
    match own.split_once('[') {
        Some((list, place)) if place.ends_with(']') => list,
        Some(_) | None => own,
    }
}

/// Turns `dueFrom`, `due_from` and `Due-From` into `DUE_FROM`.
fn upper_snake(name: &str) -> String {
    let mut snake = String::new();
    let mut previous = '_';
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_ascii_alphanumeric() {
            let next = characters.peek().copied().unwrap_or_default();
            if begins_word(previous, character, next) && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(character.to_ascii_uppercase());
        }
        previous = character;
    }
    if snake.is_empty() { "FIELD".to_owned() } else { snake }
}

fn begins_word(previous: char, character: char, next: char) -> bool {
    let ends_capitals = previous.is_ascii_uppercase() && next.is_ascii_lowercase();
    !previous.is_ascii_alphanumeric()
        || (character.is_ascii_uppercase() && (!previous.is_ascii_uppercase() || ends_capitals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_fields_own_name_and_what_is_wrong() {
        for (path, flaw, code) in [
            ("title", Flaw::TooLong, "TITLE_TOO_LONG"),
            ("dueFrom", Flaw::Invalid, "DUE_FROM_INVALID"),
            ("commands[3].dueFrom", Flaw::WrongType, "DUE_FROM_WRONG_TYPE"),
            ("commands[3]", Flaw::Missing, "COMMANDS_MISSING"),
            ("commands[3][12]", Flaw::Empty, "COMMANDS_EMPTY"),
            ("user_id", Flaw::Unknown, "USER_ID_UNKNOWN"),
            ("userID", Flaw::Duplicate, "USER_ID_DUPLICATE"),
            ("HTTPStatus2Code", Flaw::TooSmall, "HTTP_STATUS2_CODE_TOO_SMALL"),
            ("If-Match", Flaw::TooMany, "IF_MATCH_TOO_MANY"),
            ("Last-Event-ID", Flaw::TooLarge, "LAST_EVENT_ID_TOO_LARGE"),
            ("email", Flaw::Taken, "EMAIL_TAKEN"),
            ("address2", Flaw::TooShort, "ADDRESS2_TOO_SHORT"),
        ] {
            assert_eq!(flaw.code(path), code, "{path}");
        }
    }

    #[test]
    fn what_is_unknown_is_no_part_of_its_code_and_shown_cut() {
        let long = "ö".repeat(100_000);
        for (flaw, code) in [
            (Flaw::UnknownMember, "MEMBER_UNKNOWN"),
            (Flaw::UnknownColumn, "COLUMN_UNKNOWN"),
            (Flaw::UnknownParameter, "PARAMETER_UNKNOWN"),
        ] {
            let FieldProblem { field, code: shown, message } =
                FieldProblem::new(&long, flaw, &long);
            assert_eq!((shown.as_str(), &field), (code, &message));
            assert_eq!(field, format!("{}…{}", "ö".repeat(128), "ö".repeat(128)));
        }
    }

    #[test]
    fn a_name_of_any_characters_makes_a_code() {
        for (path, code) in [
            ("", "FIELD_UNKNOWN"),
            ("цвет", "FIELD_UNKNOWN"),
            ("[0]", "FIELD_UNKNOWN"),
            ("--a  b--", "A_B_UNKNOWN"),
        ] {
            assert_eq!(Flaw::Unknown.code(path), code, "{path}");
        }
    }
}
