//! What happens to an account. A password hash is never part of an event: it names the credential that holds it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::email::Email;
use super::name::Name;
use crate::clock::Timestamp;

/// What happened to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// Somebody signed up.
    Created(AccountCreated),
}

crate::event_kinds!(AccountEvent {
    "AccountCreated" @ 1 => Created,
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
