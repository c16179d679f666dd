//! The rules of one account. That an address belongs to one account only is a constraint of the read model.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::email::Email;
use super::events::{AccountCreated, AccountDeleted, AccountEvent};
use super::name::Name;
use crate::clock::Timestamp;
use crate::eventlog::Decider;

/// What can be asked of an account.
#[derive(Debug, Clone)]
pub enum Command {
    /// Sign up.
    Create(AccountCreated),
    /// Delete the user. Deleting one that is deleted is already done.
    Delete {
        /// The time.
        now: Timestamp,
    },
}

/// Why an account refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is an account with this id already.
    #[error("the account exists already")]
    Exists,
    /// There is no account with this id.
    #[error("there is no such account")]
    Missing,
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

/// What became of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Nobody has signed up with this id.
    #[default]
    Missing,
    /// Somebody has.
    Active(Profile),
    /// They are deleted, for ever.
    Deleted,
}

impl State {
    /// Who the user is, if there is one.
    pub fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Active(profile) => Some(profile),
            Self::Missing | Self::Deleted => None,
        }
    }

    /// Whether there was one.
    pub fn is_deleted(&self) -> bool {
        matches!(self, Self::Deleted)
    }
}

/// The decider of an account.
#[derive(Debug)]
pub enum Account {}

impl Decider for Account {
    const CATEGORY: &'static str = "account";
    const SNAPSHOT_SCHEMA: i16 = 2;

    type Command = Command;
    type Event = AccountEvent;
    type State = State;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command) -> Result<Vec<AccountEvent>, Rejection> {
        match (state, command) {
            (State::Missing, Command::Create(created)) => Ok(vec![AccountEvent::Created(created)]),
            (State::Active(_) | State::Deleted, Command::Create(_)) => Err(Rejection::Exists),
            (State::Active(profile), Command::Delete { now }) => {
                let credential_id = profile.credential_id;
                Ok(vec![AccountEvent::Deleted(AccountDeleted { credential_id, deleted_at: now })])
            }
            (State::Deleted, Command::Delete { .. }) => Ok(Vec::new()),
            (State::Missing, Command::Delete { .. }) => Err(Rejection::Missing),
        }
    }

    fn evolve(_state: State, event: &AccountEvent) -> State {
        match event {
            AccountEvent::Created(created) => State::Active(Profile {
                email: created.email.clone(),
                email_verified_at: None,
                name: created.name.clone(),
                credential_id: created.credential_id,
                created_at: created.created_at,
                updated_at: created.created_at,
            }),
            AccountEvent::Deleted(_) => State::Deleted,
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

    const NOW: Timestamp = Timestamp::from_unix_millis(1_763_812_800_000);

    fn history() -> [AccountEvent; 2] {
        let deleted = AccountDeleted { credential_id: created().credential_id, deleted_at: NOW };
        [AccountEvent::Created(created()), AccountEvent::Deleted(deleted)]
    }

    #[test]
    fn an_account_is_created_once() {
        given::<Account>([])
            .when(Command::Create(created()))
            .then([AccountEvent::Created(created())]);
        given::<Account>([AccountEvent::Created(created())])
            .when(Command::Create(created()))
            .then_rejected(&Rejection::Exists);
        given::<Account>(history())
            .when(Command::Create(created()))
            .then_rejected(&Rejection::Exists);
    }

    #[test]
    fn an_account_is_deleted_once_with_its_credential() {
        let [created, deleted] = history();
        let delete = || Command::Delete { now: NOW };
        given::<Account>([created]).when(delete()).then([deleted]);
        given::<Account>(history()).when(delete()).then([]);
        given::<Account>([]).when(delete()).then_rejected(&Rejection::Missing);
    }

    #[test]
    fn every_history_can_be_folded() {
        let event = AccountEvent::Created(created());
        let state = replay::<Account>([event.clone(), event]);
        assert_eq!(state.profile().unwrap().email, created().email);
        let [created, deleted] = history();
        assert!(replay::<Account>([deleted.clone(), deleted]).is_deleted());
        assert!(!replay::<Account>([created]).is_deleted());
    }

    #[test]
    fn stored_events_keep_their_shape() {
        assert_golden(&history());
    }
}
