//! Searching without regard to case and accents.
//!
//! # Design
//!
//! Users search for what they see, typed as they are used to: without accents where their script lets them leave those out,
//! and with every mark that makes another letter. So a mark is left out only after a letter whose script treats it as an
//! accent, as the Unicode Collation Algorithm does at its first level (UTS 10, section 1.1):
//!
//! * Latin, Greek and Cyrillic accents; only й is another letter than и, as in CLDR's root collation.
//! * Hebrew, Arabic and Syriac points: most texts are written without them.
//! * Nothing else. Marks of Indic scripts, Thai and others are vowels, tones and conjuncts; Japanese ones make another
//!   syllable (ヒ and ビ).
//!
//! A mark that stands after no such letter stays, so a search for a mark alone finds only that.
//!
//! Invariant: the search text has at most `GROWTH` times the bytes of the text. Some single characters stand for whole
//! phrases (U+FDFA for eighteen characters); those are left as they are.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// Most bytes of the search text for each byte of a text.
const GROWTH: usize = 2;

/// Bytes of the longest phrase that replaces a character: enough for ㎞ and ½, and for a letter with its marks.
const PHRASE: usize = 12;

/// The text in lower case and without accents, for comparison.
///
/// Decomposed first, so that it does not matter how a letter was typed, and character by character, so that it does not
/// matter where it stands in a word. The result is composed again (NFC), so that no part of a letter is found.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let most = most_bytes(text);
    let mut folding = SearchTextBuilder { folded: String::with_capacity(text.len()), base: None };
    for character in text.chars() {
        folding.push_parts(character);
        if folding.folded.len() > most {
            break;
        }
    }
    let mut folded: String = folding.folded.nfc().collect();
    folded.truncate(folded.floor_char_boundary(most));
    folded.shrink_to_fit();
    folded
}

/// Most bytes that the search text of a text can have.
pub fn most_bytes(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { GROWTH * text.len() }
}

/// Search text in the making.
struct SearchTextBuilder {
    /// Search text so far.
    folded: String,
    /// The last character that is no mark: it decides whether a mark after it is an accent.
    base: Option<char>,
}

impl SearchTextBuilder {
    /// Folds the parts of a character; or the character itself, if it stands for a phrase.
    fn push_parts(&mut self, character: char) {
        let mut bytes = 0;
        decompose_compatible(character, |part| bytes += part.len_utf8());
        if bytes > PHRASE {
            self.push(character);
        } else {
            decompose_compatible(character, |part| self.push(part));
        }
    }

    fn push(&mut self, character: char) {
        if !is_combining_mark(character) {
            self.base = Some(character);
            push_lower(&mut self.folded, character);
        } else if !self.base.is_some_and(|base| is_accent(base, character)) {
            self.folded.push(character);
        }
    }
}

/// True for a mark that is an accent of the letter before it, which users leave out.
fn is_accent(base: char, mark: char) -> bool {
    match base {
        'и' | 'И' if mark == '\u{306}' => false,
        // Latin, Greek and Cyrillic.
        'a'..='z'
        | 'A'..='Z'
        | '\u{aa}'..='\u{24f}'
        | '\u{370}'..='\u{3ff}'
        | '\u{400}'..='\u{52f}'
        | '\u{1c80}'..='\u{1c8f}'
        | '\u{1d00}'..='\u{1fff}'
        | '\u{2c60}'..='\u{2c7f}'
        | '\u{a640}'..='\u{a69f}'
        | '\u{a720}'..='\u{a7ff}'
        | '\u{ab30}'..='\u{ab6f}' => true,
        // Hebrew.
        '\u{5d0}'..='\u{5f2}' => ('\u{591}'..='\u{5c7}').contains(&mark),
        // Arabic.
        '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' => matches!(
            mark,
            '\u{610}'..='\u{61a}'
                | '\u{64b}'..='\u{65f}'
                | '\u{670}'
                | '\u{6d6}'..='\u{6ed}'
                | '\u{8d3}'..='\u{8ff}'
        ),
        // Syriac.
        '\u{710}'..='\u{74f}' => matches!(mark, '\u{711}' | '\u{730}'..='\u{74a}'),
        _ => false,
    }
}

/// Adds a character in lower case.
fn push_lower(folded: &mut String, character: char) {
    match character {
        // Letters that Unicode does not decompose, as users type them who have no key for them.
        'ß' | 'ẞ' => folded.push_str("ss"),
        'æ' | 'Æ' => folded.push_str("ae"),
        'œ' | 'Œ' => folded.push_str("oe"),
        'ø' | 'Ø' => folded.push('o'),
        'đ' | 'Đ' | 'ð' | 'Ð' => folded.push('d'),
        'ł' | 'Ł' => folded.push('l'),
        'þ' | 'Þ' => folded.push_str("th"),
        'ı' => folded.push('i'),
        'ς' => folded.push('σ'),
        // The Arabic tatweel lengthens a word in a line and is no part of it.
        '\u{640}' => {}
        other => folded.extend(other.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(searched: &str, written: &str) -> bool {
        folded(written).contains(&folded(searched))
    }

    #[test]
    fn case_and_accents_make_no_difference() {
        for (written, searched) in [
            ("Žluťoučký KŮŇ", "zlutoucky kun"),
            ("Straße", "strasse"),
            ("ŁÓDŹ", "lodz"),
            ("Smørrebrød", "smorrebrod"),
            ("İstanbul ILICA ılıca", "istanbul ilica ilica"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδός", "οδοσ"),
            ("e\u{301}cole", "ecole"),
            ("Tiếng Việt", "tieng viet"),
            ("Ｗｉｄｅ ﬁne", "wide fine"),
            ("買い物", "買い物"),
        ] {
            assert_eq!(folded(written), folded(searched), "{written}");
        }
        assert_eq!(folded("Žluťoučký KŮŇ"), "zlutoucky kun");
    }

    #[test]
    fn marks_that_people_leave_out_are_not_needed() {
        for (written, searched) in [
            ("ёлка", "елка"),
            ("Їжак", "іжак"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            ("محـــمد", "محمد"),
            ("أحمد", "احمد"),
            ("ܫ\u{733}ܠܡ", "ܫܠܡ"),
            ("ﻣﺤﻤﺪ", "محمد"),
        ] {
            assert!(finds(searched, written), "{searched} in {written}");
        }
    }

    #[test]
    fn marks_that_make_another_letter_make_a_difference() {
        for (searched, other) in [
            ("ヒール", "ビール"),
            ("か", "が"),
            ("か", "か\u{3099}"),
            ("ハ", "パ"),
            ("ヒール", "ﾋﾞｰﾙ"),
            ("и", "й"),
            ("कि", "का"),
            ("पानि", "पानी"),
            ("का", "क"),
            ("ดี", "ดิ"),
            ("มา", "ม้า"),
            ("தமி", "தமா"),
            ("한", "하"),
            ("하", "한"),
            ("ទឹក", "ទុក"),
        ] {
            assert!(!finds(searched, other), "{searched} in {other}");
            assert!(finds(other, other), "{other} in itself");
        }
    }

    #[test]
    fn it_does_not_matter_how_a_letter_was_typed() {
        for (one, other) in [
            ("が", "か\u{3099}"),
            ("ビール", "ﾋﾞｰﾙ"),
            ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
            ("\u{958}", "\u{915}\u{93c}"),
            ("\u{9df}", "\u{9af}\u{9bc}"),
            ("й", "и\u{306}"),
            ("㎞", "km"),
            ("①", "1"),
        ] {
            assert_eq!(folded(one), folded(other), "{one}");
        }
    }

    #[test]
    fn a_search_for_a_mark_finds_only_that() {
        for mark in ["\u{301}", "\u{3099}", "\u{5b8}", "\u{64e}"] {
            assert!(!folded(mark).is_empty(), "{mark:?}");
            assert!(!finds(mark, "Milk") && !finds(mark, "école") && finds(mark, mark), "{mark:?}");
        }
    }

    #[test]
    fn no_text_grows_much_whatever_it_is_made_of() {
        // Blocks with characters that Unicode decomposes, without those of Chinese and Korean, which are as long as their
        // parts.
        let blocks = [0..=0x33ff, 0xf900..=0xffff, 0x1_d000..=0x1_d7ff, 0x1_f100..=0x1_f2ff];
        for character in blocks.into_iter().flatten().filter_map(char::from_u32) {
            let text = character.to_string().repeat(3);
            assert!(folded(&text).len() <= most_bytes(&text), "{character:?}");
        }
        assert_eq!(folded("\u{fdfa}"), "\u{fdfa}", "a character for a phrase is left as it is");
    }
}
