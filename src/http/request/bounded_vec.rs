//! Lists in bodies with a limit of elements, however large the body may be.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// Reads at most `MAX` elements and one more, by which validation sees that there are too many; the rest is skipped. For
/// `deserialize_with`.
///
/// # Errors
///
/// If an element cannot be read as a `T`.
pub fn at_most<'de, const MAX: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(BoundedVec::<T, MAX>(PhantomData))
}

struct BoundedVec<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for BoundedVec<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut read = Vec::new();
        while read.len() <= MAX {
            match elements.next_element()? {
                Some(element) => read.push(element),
                None => return Ok(read),
            }
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Few {
        #[serde(deserialize_with = "at_most::<2, _, _>")]
        numbers: Vec<u8>,
    }

    #[test]
    fn one_too_many_is_kept_and_what_follows_is_not_even_looked_at() {
        let read = |text: &str| serde_json::from_str::<Few>(text).unwrap().numbers;
        assert_eq!(read(r#"{"numbers": [1, 2]}"#), [1, 2]);
        assert_eq!(read(r#"{"numbers": [1, 2, 3, "x", {}]}"#), [1, 2, 3]);
        assert!(serde_json::from_str::<Few>(r#"{"numbers": [1, "x"]}"#).is_err());
    }
}
