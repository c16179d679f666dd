//! Operations on a user's own account: profile and password.

pub mod password;
pub mod profile;

use self::password::ChangePassword;
use self::profile::ChangeProfile;

/// Operations of this folder, for the API's service.
pub type Account = (ChangeProfile, ChangePassword);
