//! What happens to an account. A password hash is never part of an event: it names the credential that holds it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::email::Email;
use super::name::Name;
use crate::base::clock::Timestamp;

/// What happened to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// Somebody signed up.
    Created(AccountCreated),
    /// The user says of themselves something else than before.
    ProfileChanged(ProfileChanged),
    /// Another password opens the account.
    PasswordChanged(PasswordChanged),
    /// The user is deleted: nothing is accepted from them any more.
    Deleted(AccountDeleted),
}

crate::event_kinds!(AccountEvent {
    "AccountCreated" @ 1 => Created,
    "ProfileChanged" @ 1 => ProfileChanged,
    "PasswordChanged" @ 1 => PasswordChanged,
    "AccountDeleted" @ 1 => Deleted,
});

/// Somebody signed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountCreated {
    /// Their address; nobody else has it.
    pub email: Email,
    /// Their name.
    pub name: Name,
    /// The row beside the log that holds the password hash.
    pub credential_id: Uuid,
    /// When.
    pub created_at: Timestamp,
}

/// The user says of themselves something else than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileChanged {
    /// Their name from now on.
    pub name: Name,
    /// When.
    pub changed_at: Timestamp,
}

/// Another password opens the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordChanged {
    /// The row beside the log that holds the password hash from now on.
    pub credential_id: Uuid,
    /// The row that held it before, erased with this event.
    pub previous_credential_id: Uuid,
    /// When.
    pub changed_at: Timestamp,
}

/// The user is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountDeleted {
    /// The row beside the log that held the password hash, erased with this event.
    pub credential_id: Uuid,
    /// When.
    pub deleted_at: Timestamp,
}
