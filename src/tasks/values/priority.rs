//! How urgent a task is.

use serde::{Deserialize, Serialize};

/// How urgent a task is, from least to most.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    poem_openapi::Enum,
)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub enum Priority {
    /// Nobody has said.
    #[default]
    None,
    /// It can wait.
    Low,
    /// It should not wait long.
    Medium,
    /// It should be done first.
    High,
}

impl Priority {
    /// Whether nobody has said.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Its name, as on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
