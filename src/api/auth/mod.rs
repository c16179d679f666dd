//! Operations of authentication, which join accounts, sessions and keys.
//!
//! The three know nothing of each other.

pub(crate) mod access_token;
pub mod bodies;
pub mod jwks;
pub mod revocations;
pub mod session;
pub mod session_cache;
pub mod sign_in;
pub(super) mod sign_in_flow;
pub mod sign_out;
pub mod sign_up;
pub mod token;

use self::jwks::GetKeys;
use self::revocations::Revocations;
use self::session::GetSession;
use self::session_cache::SessionCache;
use self::sign_in::SignIn;
use self::sign_out::SignOut;
use self::sign_up::SignUp;
use self::token::GetToken;

/// Operations of this folder, for the API's service.
pub type Auth = (SignUp, SignIn, SignOut, GetSession, GetToken, GetKeys, Revocations);

/// Makes the operations, with the cache of encoded sessions.
pub fn operations(cache: SessionCache) -> Auth {
    (SignUp, SignIn, SignOut, GetSession { cache }, GetToken, GetKeys, Revocations::default())
}
