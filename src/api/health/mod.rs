//! Health: whether the process lives, and whether it should be sent requests.

pub mod live;
pub mod ready;

use self::live::GetLiveness;
use self::ready::GetReadiness;

/// The operations.
pub type Health = (GetLiveness, GetReadiness);
