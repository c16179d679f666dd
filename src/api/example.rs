//! Identifiers, versions and times in examples.

use uuid::Uuid;

use crate::base::clock::Timestamp;
use crate::base::id::Id;
use crate::eventlog::Point;

/// Identifier with these last digits.
pub(super) fn id<Kind>(last: u128) -> Id<Kind> {
    Id::from_uuid(Uuid::from_u128(0x019a_ab76_5800_7000_8000_0000_0000_0000 + last))
}

/// Version with this number, in the one history that all examples share.
pub(super) fn version(number: i64) -> Point {
    Point::new(number, "Zk3x_9Qa".parse().unwrap_or_default())
}

/// Time `seconds` seconds after the examples begin.
pub(super) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_763_812_800_000 + seconds * 1000)
}
