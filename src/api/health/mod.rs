//! Operations of health: liveness and readiness.

pub mod live;
pub mod ready;

use self::live::GetLiveness;
use self::ready::GetReadiness;

/// Operations of this folder, for the API's service.
pub type Health = (GetLiveness, GetReadiness);
