//! Priorities of tasks, in JSON and in the order of a list.

use std::borrow::Cow;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};

/// Priority of a task, in ascending order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// No priority was given.
    #[default]
    None,
    /// The task can wait.
    Low,
    /// The task should not wait long.
    Medium,
    /// The task should be done first.
    High,
}

impl Priority {
    /// True if no priority was given.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Name of the priority, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Error: the text is not a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be none, low, medium or high")]
pub struct InvalidPriority;

impl FromStr for Priority {
    type Err = InvalidPriority;

    fn from_str(name: &str) -> Result<Self, InvalidPriority> {
        let mut all = [Self::None, Self::Low, Self::Medium, Self::High].into_iter();
        all.find(|priority| priority.as_str() == name).ok_or(InvalidPriority)
    }
}

/// Read as a string. A derived implementation reports a value of another type as invalid JSON.
impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const NAMES: &[&str] = &["none", "low", "medium", "high"];
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map_err(|_| de::Error::unknown_variant(&name, NAMES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_read_by_its_name() {
        for priority in [Priority::None, Priority::Low, Priority::Medium, Priority::High] {
            assert_eq!(priority.as_str().parse(), Ok(priority));
        }
        assert_eq!("High".parse::<Priority>(), Err(InvalidPriority));
    }
}
