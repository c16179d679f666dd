//! Response of the operations that end sessions.

use poem_openapi::ApiResponse;

use crate::api::state::State;
use crate::authn::cookie;

/// Sessions have ended.
#[derive(Debug, ApiResponse)]
pub(super) enum Ended {
    /// Nothing is accepted any more in the name of what has ended.
    #[oai(status = 204)]
    Done(
        /// Makes the browser forget the session cookie, when the current session has ended.
        #[oai(header = "Set-Cookie")]
        Option<String>,
        /// Makes it forget everything else that it keeps of this site, then.
        #[oai(header = "Clear-Site-Data")]
        Option<String>,
    ),
}

impl Ended {
    /// Response after sessions have ended, perhaps the current one too.
    pub(super) fn of(is_current: bool, state: &State) -> Self {
        let cookie = is_current.then(|| cookie::clear(&state.server.site));
        Self::Done(cookie, is_current.then(|| cookie::CLEAR_SITE_DATA.to_owned()))
    }
}
