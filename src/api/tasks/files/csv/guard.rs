//! Guards texts against spreadsheets, which take some of them for formulas (OWASP, CSV Injection).
//!
//! A cell that begins with `=`, `+`, `-` or `@`, in full width too, is a formula, and its author may be an attacker. A
//! spreadsheet that separates cells by another character than the file does makes cells of parts of a text. So an
//! apostrophe is put before everything that would be a formula at the beginning of a text, of a line in it, and after each
//! semicolon and tabulator. An empty text, which would be taken for an absent one, is written as an apostrophe.
//!
//! Reading removes the apostrophes, so that nothing is lost; a text that has such an apostrophe of its own gets one more.

/// Characters after which a spreadsheet may begin another cell.
const BOUNDARIES: [char; 4] = [';', '\t', '\r', '\n'];

const APOSTROPHE: char = '\'';

/// Adds the apostrophes that a text needs.
pub(super) fn guarded(text: &str) -> String {
    let mut guarded = String::with_capacity(text.len());
    for (index, part) in text.split_inclusive(BOUNDARIES).enumerate() {
        if is_formula(part, index == 0) {
            guarded.push(APOSTROPHE);
        }
        guarded.push_str(part);
    }
    if is_nothing(text) {
        guarded.push(APOSTROPHE);
    }
    guarded
}

/// Removes the apostrophes that [`guarded`] has added.
pub(super) fn unguarded(text: &str) -> String {
    let nothing = text.strip_suffix(APOSTROPHE).filter(|rest| is_nothing(rest));
    let part = |(index, part)| match str::strip_prefix(part, APOSTROPHE) {
        Some(rest) if is_formula(rest, index == 0) => rest,
        Some(_) | None => part,
    };
    let parts = || text.split_inclusive(BOUNDARIES).enumerate().map(part).collect();
    nothing.map_or_else(parts, str::to_owned)
}

/// True for a part that could be taken for a formula, behind any number of apostrophes, quotes and blanks; of the first
/// one, a tabulator or a line break at its beginning may be dropped.
fn is_formula(part: &str, is_first: bool) -> bool {
    let is_passed = |character: char| {
        matches!(character, APOSTROPHE | '"')
            || (character.is_whitespace() && !BOUNDARIES.contains(&character))
    };
    let begin = part.trim_start_matches(is_passed).chars().next();
    begin.is_some_and(|character| {
        "=+-@＝＋－＠".contains(character) || (is_first && "\t\r\n".contains(character))
    })
}

/// True for a text that is empty but for apostrophes.
fn is_nothing(text: &str) -> bool {
    text.chars().all(|character| character == APOSTROPHE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_be_a_formula_in_any_cell_of_it_is_guarded() {
        for (text, written) in [
            ("=1+2", "'=1+2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2", "'-2"),
            ("＝1+2", "'＝1+2"),
            ("\t=1", "'\t'=1"),
            ("\r=1", "'\r'=1"),
            ("\n\n=1", "'\n\n'=1"),
            ("Milk;=1+2", "Milk;'=1+2"),
            ("Milk\t+1", "Milk\t'+1"),
            ("one\n-two", "one\n'-two"),
            ("home;\"=1+2", "home;'\"=1+2"),
            (" =1", "' =1"),
            ("'=1", "''=1"),
            ("", "'"),
            ("''", "'''"),
            ("'tis", "'tis"),
            ("Milk, 1 + 2 = 3", "Milk, 1 + 2 = 3"),
        ] {
            assert_eq!((guarded(text).as_str(), unguarded(written).as_str()), (written, text));
        }
    }

    proptest! {
        #[test]
        fn what_was_guarded_is_read_again_as_it_was(text in "[=+;\t\r\n'\"＝ a-]{0,12}") {
            let written = guarded(&text);
            prop_assert_eq!(unguarded(&written), text);
        }

        #[test]
        fn no_separator_makes_a_formula_of_what_is_written(text in "[=+;\t\r\n'\"＝ a-]{0,12}") {
            for part in guarded(&text).split(BOUNDARIES) {
                let begin = part.trim_start_matches(['"', ' ']).chars().next();
                prop_assert!(!begin.is_some_and(|begin| "=+-@＝".contains(begin)), "{:?}", part);
            }
        }
    }
}
