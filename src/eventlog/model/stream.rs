//! Names of streams.
//!
//! A stream is the history of one entity and the unit of consistency. Its name is `category-id`, or the category alone
//! where there is only one such entity. The slice is a stable hash of the name; changing it would move data.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::base::id::Id;
use crate::capacity::budget::Holder;

/// Number of slices that divide all streams.
pub const SLICES: u64 = 1024;

/// The name of one stream. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// The stream of the entity `id` of a category.
    pub fn new<Kind>(category: &str, id: Id<Kind>) -> Self {
        let mut text = Uuid::encode_buffer();
        let id: &str = id.uuid().hyphenated().encode_lower(&mut text);
        Self([category, "-", id].concat().into())
    }

    /// The only stream of a category that has a single entity.
    pub fn singleton(category: &str) -> Self {
        Self(category.into())
    }

    /// Name as it was read from the log, without a check of its form.
    pub fn stored(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Holder of bytes for this stream: the user whose id is in its name, else the node.
    pub fn holder(&self) -> Holder {
        id_of(&self.0).parse().map_or(Holder::Node, Holder::User)
    }

    /// The slice this stream belongs to: FNV-1a of the name, modulo [`SLICES`].
    pub fn slice(&self) -> i16 {
        let hash = self.0.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        i16::try_from(hash % SLICES).unwrap_or_default()
    }
}

/// The category of a stored stream name: the part before the first hyphen, or all of it.
pub fn category_of(stream: &str) -> &str {
    stream.split_once('-').map_or(stream, |(category, _)| category)
}

/// The id in a stored stream name: the part after the first hyphen, empty for a singleton.
pub fn id_of(stream: &str) -> &str {
    stream.split_once('-').map_or("", |(_, id)| id)
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::UserId;

    #[test]
    fn a_stream_is_named_by_category_and_id() {
        let id = "0192d3a4-5b6c-7d8e-9f00-112233445566";
        let user_id: UserId = id.parse().unwrap();
        assert_eq!(StreamName::new("tasks", user_id).as_str(), format!("tasks-{id}"));
        assert_eq!(category_of("tasks-a-b"), "tasks");
        assert_eq!(id_of("tasks-a-b"), "a-b");
        assert_eq!(category_of(StreamName::singleton("keys").as_str()), "keys");
    }

    #[test]
    fn the_slice_of_a_stream_never_changes() {
        assert_eq!(StreamName::singleton("keys").slice(), 557);
        let tasks = StreamName::stored("tasks-0192d3a4-5b6c-7d8e-9f00-112233445566");
        assert_eq!(tasks.slice(), 411);
    }
}
