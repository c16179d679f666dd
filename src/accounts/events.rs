//! Events of an account. A password hash is never part of an event, which names the credential that holds it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::email::Email;
use super::name::Name;
use crate::base::clock::Timestamp;

/// A change of an account that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// A user signed up.
    Created(AccountCreated),
    /// The user changed their profile.
    ProfileChanged(ProfileChanged),
    /// Another password opens the account.
    PasswordChanged(PasswordChanged),
    /// The user was deleted: no request of theirs is accepted any more.
    Deleted(AccountDeleted),
}

crate::event_kinds!(AccountEvent {
    "AccountCreated" @ 1 => Created,
    "ProfileChanged" @ 1 => ProfileChanged,
    "PasswordChanged" @ 1 => PasswordChanged,
    "AccountDeleted" @ 1 => Deleted,
});

/// A user signed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountCreated {
    /// Address of the user, which no other account has.
    pub email: Email,
    /// Name, as the user wrote it.
    pub name: Name,
    /// Row beside the log that holds the password hash.
    pub credential_id: Uuid,
    /// Time of the sign-up, with which the profile counts as created and as changed last.
    pub created_at: Timestamp,
}

/// The user changed their profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileChanged {
    /// Name from now on, as the user wrote it.
    pub name: Name,
    /// Time of the change.
    pub changed_at: Timestamp,
}

/// Another password opens the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordChanged {
    /// Row beside the log that holds the password hash from now on.
    pub credential_id: Uuid,
    /// Row that held it before, erased with this event.
    pub previous_credential_id: Uuid,
    /// Time of the change.
    pub changed_at: Timestamp,
}

/// The user was deleted: no request of theirs is accepted any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountDeleted {
    /// Row beside the log that held the password hash, erased with this event.
    pub credential_id: Uuid,
    /// Time of the deletion.
    pub deleted_at: Timestamp,
}
