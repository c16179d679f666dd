//! Guesses the known word that a mistyped one was meant to be.

/// Candidate with the fewest edits from `word`; the earlier one wins a tie.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates.into_iter().min_by_key(|candidate| distance(word, candidate))
}

/// Levenshtein distance: characters to insert, delete or replace on the way from one word to the other.
pub(crate) fn distance(from: &str, to: &str) -> usize {
    // Distances from the part of `from` read so far to every prefix of `to` but the empty one.
    let mut row: Vec<usize> = (1..=to.chars().count()).collect();
    let mut last = row.len();
    for (index, have) in from.chars().enumerate() {
        let (mut diagonal, mut left) = (index, index + 1);
        for (above, want) in row.iter_mut().zip(to.chars()) {
            let replaced = diagonal + usize::from(have != want);
            diagonal = *above;
            left = replaced.min(*above + 1).min(left + 1);
            *above = left;
        }
        last = left;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_inserted_deleted_and_replaced_characters() {
        let cases = [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "", 2),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
        ];
        for (from, to, expected) in cases {
            assert_eq!(distance(from, to), expected, "{from:?} to {to:?}");
            assert_eq!(distance(to, from), expected, "{to:?} to {from:?}");
        }
    }

    #[test]
    fn the_nearest_word_takes_the_fewest_edits() {
        let known = ["KEYFOLD_LISTEN", "KEYFOLD_LOG", "KEYFOLD_DATA"];
        assert_eq!(nearest("KEYFOLD_LISTN", known), Some("KEYFOLD_LISTEN"));
        assert_eq!(nearest("KEYFOLD_DATE", known), Some("KEYFOLD_DATA"));
        assert_eq!(nearest("anything", []), None);
    }
}
