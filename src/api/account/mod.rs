//! A user's own account: their profile and their password.

pub mod password;
pub mod profile;

use self::password::ChangePassword;
use self::profile::ChangeProfile;

/// The operations.
pub type Account = (ChangeProfile, ChangePassword);
