//! Rules of one account. A constraint of the read model makes an address belong to one account only.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::email::Email;
use super::events::{
    AccountCreated, AccountDeleted, AccountEvent, PasswordChanged, ProfileChanged,
};
use super::name::Name;
use crate::base::clock::Timestamp;
use crate::eventlog::Decider;

/// Commands of an account.
#[derive(Debug, Clone)]
pub enum Command {
    /// Make the account, which a sign-up does.
    Create(AccountCreated),
    /// Change the profile. A value that is set already is no change.
    ChangeProfile {
        /// New name, if it is to change.
        name: Option<Name>,
        /// Time of the decision, from the injected clock.
        now: Timestamp,
    },
    /// Replace the password by another one.
    ChangePassword {
        /// Credential whose password was verified; refused if the account has another one by now.
        verified: Uuid,
        /// Credential that replaces it, whose row is written with the event.
        credential_id: Uuid,
        /// Time of the decision, from the injected clock.
        now: Timestamp,
    },
    /// Delete the user. For a deleted user this is already done.
    Delete {
        /// Time of the decision, from the injected clock.
        now: Timestamp,
    },
}

/// Reasons for which an account refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// An account with this id exists, or existed and was deleted.
    #[error("the account exists already")]
    Exists,
    /// No account has this id, or it was deleted.
    #[error("there is no such account")]
    Missing,
    /// The password that was verified was replaced meanwhile.
    #[error("the password was changed meanwhile")]
    CredentialReplaced,
}

/// Data of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Address with which the user signs in.
    pub email: Email,
    /// Time at which the address was verified; none while it is not.
    pub email_verified_at: Option<Timestamp>,
    /// Name, as the user writes it.
    pub name: Name,
    /// Row beside the log that holds the password hash.
    pub credential_id: Uuid,
    /// Time of the sign-up, which no change of the profile moves.
    pub created_at: Timestamp,
    /// Time of the last change of the profile; a new password is none.
    pub updated_at: Timestamp,
}

/// State of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// No sign-up has used this id.
    #[default]
    Missing,
    /// The user has signed up and is not deleted.
    Active(Profile),
    /// The user was deleted, for ever: the id is not used again.
    Deleted,
}

impl State {
    /// Profile of the user, if there is one.
    pub fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Active(profile) => Some(profile),
            Self::Missing | Self::Deleted => None,
        }
    }

    /// Returns the state with a changed profile, if there is a user.
    fn with(self, change: impl FnOnce(&mut Profile)) -> Self {
        match self {
            Self::Active(mut profile) => {
                change(&mut profile);
                Self::Active(profile)
            }
            Self::Missing | Self::Deleted => self,
        }
    }

    /// Returns true if the user was deleted.
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
            (State::Active(profile), Command::ChangeProfile { name, now }) => {
                Ok(change_profile(profile, name, now))
            }
            (State::Active(profile), Command::ChangePassword { verified, credential_id, now }) => {
                change_password(profile, verified, credential_id, now)
            }
            (State::Active(profile), Command::Delete { now }) => {
                let credential_id = profile.credential_id;
                Ok(vec![AccountEvent::Deleted(AccountDeleted { credential_id, deleted_at: now })])
            }
            (State::Deleted, Command::Delete { .. }) => Ok(Vec::new()),
            (
                State::Missing | State::Deleted,
                Command::ChangeProfile { .. } | Command::ChangePassword { .. },
            )
            | (State::Missing, Command::Delete { .. }) => Err(Rejection::Missing),
        }
    }

    fn evolve(state: State, event: &AccountEvent) -> State {
        match event {
            AccountEvent::Created(created) => State::Active(Profile {
                email: created.email.clone(),
                email_verified_at: None,
                name: created.name.clone(),
                credential_id: created.credential_id,
                created_at: created.created_at,
                updated_at: created.created_at,
            }),
            AccountEvent::ProfileChanged(changed) => state.with(|profile| {
                profile.name = changed.name.clone();
                profile.updated_at = changed.changed_at;
            }),
            AccountEvent::PasswordChanged(changed) => {
                state.with(|profile| profile.credential_id = changed.credential_id)
            }
            AccountEvent::Deleted(_) => State::Deleted,
        }
    }
}

fn change_profile(profile: &Profile, name: Option<Name>, now: Timestamp) -> Vec<AccountEvent> {
    let name = name.filter(|name| *name != profile.name);
    let changed = |name| AccountEvent::ProfileChanged(ProfileChanged { name, changed_at: now });
    name.map(changed).into_iter().collect()
}

fn change_password(
    profile: &Profile,
    verified: Uuid,
    credential_id: Uuid,
    now: Timestamp,
) -> Result<Vec<AccountEvent>, Rejection> {
    if verified != profile.credential_id {
        return Err(Rejection::CredentialReplaced);
    }
    Ok(vec![AccountEvent::PasswordChanged(PasswordChanged {
        credential_id,
        previous_credential_id: verified,
        changed_at: now,
    })])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::model::testing::{assert_golden, given, replay};

    fn created() -> AccountCreated {
        AccountCreated {
            email: Email::parse("ada@example.com").unwrap(),
            name: Name::parse("Ada Lovelace").unwrap(),
            credential_id: Uuid::from_u128(7),
            created_at: Timestamp::from_unix_millis(1_763_812_800_000),
        }
    }

    const NOW: Timestamp = Timestamp::from_unix_millis(1_763_812_800_000);
    const LATER: Timestamp = Timestamp::from_unix_millis(1_763_812_860_000);

    fn history() -> [AccountEvent; 2] {
        let deleted = AccountDeleted { credential_id: created().credential_id, deleted_at: NOW };
        [AccountEvent::Created(created()), AccountEvent::Deleted(deleted)]
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn renamed(text: &str) -> AccountEvent {
        AccountEvent::ProfileChanged(ProfileChanged { name: name(text), changed_at: LATER })
    }

    fn rename(text: &str) -> Command {
        Command::ChangeProfile { name: Some(name(text)), now: LATER }
    }

    fn password_changed(before: u128, after: u128) -> AccountEvent {
        AccountEvent::PasswordChanged(PasswordChanged {
            credential_id: Uuid::from_u128(after),
            previous_credential_id: Uuid::from_u128(before),
            changed_at: LATER,
        })
    }

    fn change_password(before: u128, after: u128) -> Command {
        let (verified, credential_id) = (Uuid::from_u128(before), Uuid::from_u128(after));
        Command::ChangePassword { verified, credential_id, now: LATER }
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
    fn a_profile_changes_when_something_about_it_is_different() {
        let given = || given::<Account>([AccountEvent::Created(created())]);
        given().when(rename("Ada King")).then([renamed("Ada King")]);
        given().when(rename("Ada Lovelace")).then([]);
        given().when(Command::ChangeProfile { name: None, now: LATER }).then([]);
    }

    #[test]
    fn a_changed_profile_is_the_old_one_but_for_what_changed() {
        let created = AccountEvent::Created(created());
        let before = replay::<Account>([created.clone()]).profile().unwrap().clone();
        let renamed = replay::<Account>([created.clone(), renamed("Ada King")]);
        let expected = Profile { name: name("Ada King"), updated_at: LATER, ..before.clone() };
        assert_eq!(renamed, State::Active(expected));
        let changed = replay::<Account>([created, password_changed(7, 8)]);
        assert_eq!(changed, State::Active(Profile { credential_id: Uuid::from_u128(8), ..before }));
    }

    #[test]
    fn a_password_is_changed_by_whoever_knows_the_one_before() {
        let created = AccountEvent::Created(created());
        given::<Account>([created.clone()])
            .when(change_password(7, 8))
            .then([password_changed(7, 8)]);
        let history = || [created.clone(), password_changed(7, 8)];
        given::<Account>(history())
            .when(change_password(7, 9))
            .then_rejected(&Rejection::CredentialReplaced);
        given::<Account>(history()).when(change_password(8, 9)).then([password_changed(8, 9)]);
    }

    #[test]
    fn the_last_credential_is_the_one_that_is_deleted() {
        let deleted = AccountDeleted { credential_id: Uuid::from_u128(8), deleted_at: NOW };
        given::<Account>([AccountEvent::Created(created()), password_changed(7, 8)])
            .when(Command::Delete { now: NOW })
            .then([AccountEvent::Deleted(deleted)]);
    }

    #[test]
    fn there_is_nothing_to_change_about_nobody() {
        for history in [Vec::new(), history().to_vec()] {
            for command in [rename("Ada King"), change_password(7, 8)] {
                given::<Account>(history.clone()).when(command).then_rejected(&Rejection::Missing);
            }
        }
    }

    #[test]
    fn every_history_can_be_folded() {
        let event = AccountEvent::Created(created());
        let state = replay::<Account>([event.clone(), event]);
        assert_eq!(state.profile().unwrap().email, created().email);
        let [created, deleted] = history();
        assert!(replay::<Account>([deleted.clone(), deleted]).is_deleted());
        assert!(!replay::<Account>([created]).is_deleted());
        for event in [renamed("Ada King"), password_changed(7, 8)] {
            assert_eq!(replay::<Account>([event.clone()]), State::Missing);
            assert!(replay::<Account>(history().into_iter().chain([event])).is_deleted());
        }
    }

    #[test]
    fn stored_events_keep_their_shape() {
        assert_golden(&history());
        assert_golden(&[renamed("Ada King"), password_changed(7, 8)]);
    }
}
