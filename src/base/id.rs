//! Identifiers and randomness.
//!
//! Identifiers are UUID version 7 (RFC 9562): random enough to be unique everywhere, and ordered by time, which suits an
//! index. They are generated here and nowhere else, so that deciders stay pure.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{NoContext, Uuid};

use super::clock::{Clock, Timestamp};

/// Identifier of one kind of entity; `Kind` is a marker type, so that a session id cannot be passed as a user id.
pub struct Id<Kind>(Uuid, PhantomData<fn() -> Kind>);

impl<Kind> Id<Kind> {
    /// Generates an identifier at `clock`'s current time.
    pub fn generate(clock: &Clock) -> Self {
        Self::at(clock.now())
    }

    /// Generates an identifier at `time`.
    pub fn at(time: Timestamp) -> Self {
        let millis = u64::try_from(time.unix_millis()).unwrap_or(0);
        let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
        Self::from_uuid(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, millis / 1000, nanos)))
    }

    /// Identifier with this UUID, whose version is not checked.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// Returns the UUID behind the identifier.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<Kind> Clone for Id<Kind> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Kind> Copy for Id<Kind> {}

impl<Kind> PartialEq for Id<Kind> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<Kind> Eq for Id<Kind> {}

impl<Kind> PartialOrd for Id<Kind> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<Kind> Ord for Id<Kind> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<Kind> std::hash::Hash for Id<Kind> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<Kind> fmt::Display for Id<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<Kind> fmt::Debug for Id<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Parses the canonical form only: 36 characters, lower case, hyphenated.
impl<Kind> FromStr for Id<Kind> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Self::from_uuid(Uuid::try_parse(text).map_err(|_| InvalidId)?);
        let mut canonical = Uuid::encode_buffer();
        if id.0.hyphenated().encode_lower(&mut canonical) == text { Ok(id) } else { Err(InvalidId) }
    }
}

/// The text is not an identifier in canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct InvalidId;

impl<Kind> Serialize for Id<Kind> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, Kind> Deserialize<'de> for Id<Kind> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}

/// Marker of the identifiers of users.
#[derive(Debug)]
pub enum UserKind {}

/// Identifier of a user: the `sub` of access tokens and the owner of a task list.
pub type UserId = Id<UserKind>;

/// Marker of the identifiers of sessions.
#[derive(Debug)]
pub enum SessionKind {}

/// Identifier of a session: the `sid` of access tokens.
pub type SessionId = Id<SessionKind>;

/// Fills an array from the operating system's random generator.
///
/// # Errors
///
/// Fails if the operating system gives no randomness; work that needs a secret must not go on then.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomnessUnavailable> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| RandomnessUnavailable)?;
    Ok(bytes)
}

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system returned no randomness")]
pub struct RandomnessUnavailable;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_survives_its_own_notation() {
        let id = UserId::at(Timestamp::from_unix_millis(1_763_812_800_123));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn only_the_canonical_form_is_an_identifier() {
        let id = UserId::at(Timestamp::from_unix_millis(1_763_812_800_123)).to_string();
        for text in [
            "",
            "auth",
            &id.to_uppercase(),
            &id.replace('-', ""),
            &format!("{{{id}}}"),
            &format!("{id} "),
        ] {
            assert_eq!(text.parse::<UserId>(), Err(InvalidId), "{text:?}");
        }
    }

    #[test]
    fn identifiers_made_later_sort_later() {
        let earlier = UserId::at(Timestamp::from_unix_millis(1_763_812_800_123));
        let later = UserId::at(Timestamp::from_unix_millis(1_763_812_800_124));
        assert!(earlier < later);
    }
}
