//! Body of a user.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use crate::accounts::account::Profile;
use crate::api::example;
use crate::base::clock::Timestamp;
use crate::base::id::UserId;

/// A user.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub struct User {
    /// The user's identifier: the `sub` of their access tokens and part of the path to their tasks.
    pub id: UserId,
    /// Their email address, in lower case.
    pub email: String,
    /// Whether they proved that it is theirs.
    pub email_verified: bool,
    /// Their name.
    pub name: String,
    /// When they signed up.
    pub created_at: Timestamp,
    /// When the profile last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// Body of the user with this profile.
    pub fn new(id: UserId, profile: &Profile) -> Self {
        Self {
            id,
            email: profile.email.as_str().to_owned(),
            email_verified: profile.email_verified_at.is_some(),
            name: profile.name.as_str().to_owned(),
            created_at: profile.created_at,
            updated_at: profile.updated_at,
        }
    }
}

impl Example for User {
    fn example() -> Self {
        Self {
            id: example::id(1),
            email: "ada@example.com".to_owned(),
            email_verified: false,
            name: "Ada Lovelace".to_owned(),
            created_at: example::time(0),
            updated_at: example::time(0),
        }
    }
}
