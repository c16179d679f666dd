//! Access tokens of sessions, with the profile in their claims.

use super::bodies::fresh_token::FreshToken;
use crate::accounts::account::{self, Account, Profile};
use crate::api::state::State;
use crate::eventlog::Published;
use crate::http::response::problem::Problem;
use crate::keys::tokens::access_token::TokenSubject;
use crate::sessions::table::Session;

/// Signs an access token of a session for an audience.
pub(super) async fn fresh_token(
    state: &State,
    session: &Session,
    profile: &Profile,
    audience: &str,
) -> Result<FreshToken, Problem> {
    let subject = TokenSubject {
        user_id: session.user_id,
        session_id: session.id,
        email: profile.email.as_str().to_owned(),
        name: profile.name.as_str().to_owned(),
        email_verified: profile.email_verified_at.is_some(),
    };
    let token = state.gate.keys.issue(subject, audience).await?;
    Ok(FreshToken {
        token,
        token_type: "Bearer".to_owned(),
        expires_in: state.gate.keys.expires_in(),
    })
}

/// Profile of a session's user, unless the account is deleted.
pub(crate) fn profile_of(account: &Published<Account>) -> Result<&Profile, Problem> {
    match &account.state {
        account::State::Active(profile) => Ok(profile),
        account::State::Deleted => Err(Problem::user_deleted()),
        account::State::Missing => Err(Problem::internal(&"a session has no account")),
    }
}
