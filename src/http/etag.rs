//! Entity tags (RFC 9110, section 8.8.3).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::eventlog::Point;

/// A strong entity tag of these bytes: their hash.
pub fn of(bytes: &[u8]) -> String {
    format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes)))
}

/// The strong entity tag of what changes with its version.
pub fn of_version(version: Point) -> String {
    format!("\"{version}\"")
}

/// The version that an entity tag is of, if it is of one.
pub(super) fn version_of(tag: &str) -> Option<Point> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// Whether `If-None-Match` names this entity tag (RFC 9110, section 13.1.2: weak comparison).
pub fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_is_recognised_weak_or_strong_in_a_list() {
        for tags in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(matches(tags, "\"a\""), "{tags}");
        }
        assert!(!matches("\"b\"", "\"a\""));
    }
}
