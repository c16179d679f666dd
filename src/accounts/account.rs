//! The rules of one account. That an address belongs to one account only is a constraint of the read model.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::email::Email;
use super::events::{AccountCreated, AccountEvent};
use super::name::Name;
use crate::clock::Timestamp;
use crate::eventlog::Decider;

/// What can be asked of an account.
#[derive(Debug, Clone)]
pub enum Command {
    /// Sign up.
    Create(AccountCreated),
}

/// Why an account refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is an account with this id already.
    #[error("the account exists already")]
    Exists,
}

/// What is known of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Their address.
    pub email: Email,
    /// Whether they proved that it is theirs, and when.
    pub email_verified_at: Option<Timestamp>,
    /// Their name.
    pub name: Name,
    /// The row beside the log that holds the password hash.
    pub credential_id: Uuid,
    /// When they signed up.
    pub created_at: Timestamp,
    /// When the profile last changed.
    pub updated_at: Timestamp,
}

/// The decider of an account.
#[derive(Debug)]
pub enum Account {}

impl Decider for Account {
    const CATEGORY: &'static str = "account";
    const SNAPSHOT_SCHEMA: i16 = 1;

    type Command = Command;
    type Event = AccountEvent;
    type State = Option<Profile>;
    type Rejection = Rejection;

    fn decide(state: &Option<Profile>, command: Command) -> Result<Vec<AccountEvent>, Rejection> {
        match (state, command) {
            (None, Command::Create(created)) => Ok(vec![AccountEvent::Created(created)]),
            (Some(_), Command::Create(_)) => Err(Rejection::Exists),
        }
    }

    fn evolve(_state: Option<Profile>, event: &AccountEvent) -> Option<Profile> {
        match event {
            AccountEvent::Created(created) => Some(Profile {
                email: created.email.clone(),
                email_verified_at: None,
                name: created.name.clone(),
                credential_id: created.credential_id,
                created_at: created.created_at,
                updated_at: created.created_at,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::testing::{assert_golden, given, replay};

    fn created() -> AccountCreated {
        AccountCreated {
            email: Email::parse("ada@example.com").unwrap(),
            name: Name::parse("Ada Lovelace").unwrap(),
            credential_id: Uuid::from_u128(7),
            created_at: Timestamp::from_unix_millis(1_763_812_800_000),
        }
    }

    #[test]
    fn an_account_is_created_once() {
        given::<Account>([])
            .when(Command::Create(created()))
            .then([AccountEvent::Created(created())]);
        given::<Account>([AccountEvent::Created(created())])
            .when(Command::Create(created()))
            .then_rejected(&Rejection::Exists);
    }

    #[test]
    fn every_history_can_be_folded() {
        let event = AccountEvent::Created(created());
        let profile = replay::<Account>([event.clone(), event]).unwrap();
        assert_eq!(profile.email, created().email);
    }

    #[test]
    fn stored_events_keep_their_shape() {
        assert_golden(&[AccountEvent::Created(created())]);
    }
}
