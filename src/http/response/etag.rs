//! Entity tags (RFC 9110, section 8.8.3).

use std::fmt::Display;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use poem::http::HeaderValue;

/// Strong entity tag of these bytes: their hash.
pub fn of(bytes: &[u8]) -> String {
    of_hash(digest(&SHA256, bytes).as_ref())
}

/// Strong entity tag of the bytes with this hash.
pub fn of_hash(hash: &[u8]) -> String {
    format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(hash))
}

/// Strong entity tag of a resource with this version.
pub fn of_version(version: impl Display) -> String {
    format!("\"{version}\"")
}

/// End of the tag of compressed bytes.
const GZIPPED: &str = "-gzip\"";

/// Entity tag of the compressed bytes, made from that of the plain ones.
pub(super) fn of_gzipped(tag: &HeaderValue) -> Option<HeaderValue> {
    let tag = tag.to_str().ok()?.strip_suffix('"')?;
    HeaderValue::try_from(format!("{tag}{GZIPPED}")).ok()
}

/// Entity tag of the plain bytes, from one that may be that of the compressed ones.
pub(crate) fn uncompressed(tag: String) -> String {
    tag.strip_suffix(GZIPPED).map(|whole| format!("{whole}\"")).unwrap_or(tag)
}

/// Version that an entity tag stands for, if it stands for one.
pub(crate) fn version_of<V: FromStr>(tag: &str) -> Option<V> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// Returns true if `If-None-Match` names this entity tag, of the bytes compressed or plain (RFC 9110, section 13.1.2: weak
/// comparison).
pub fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag == etag || uncompressed(tag.to_owned()) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_is_recognised_weak_or_strong_in_a_list() {
        for tags in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*", "\"a-gzip\"", "W/\"a-gzip\""] {
            assert!(matches(tags, "\"a\""), "{tags}");
        }
        assert!(!matches("\"b\"", "\"a\"") && !matches("\"b-gzip\"", "\"a\""));
    }

    #[test]
    fn the_tag_of_compressed_bytes_is_taken_for_that_of_the_bytes_as_they_are() {
        let tag = "\"7.Zk3x_9Qa\"";
        let of_gzipped = of_gzipped(&HeaderValue::from_static(tag)).unwrap();
        assert_eq!(of_gzipped, "\"7.Zk3x_9Qa-gzip\"");
        assert_eq!(uncompressed(of_gzipped.to_str().unwrap().to_owned()), tag);
        assert_eq!(uncompressed(tag.to_owned()), tag);
    }
}
