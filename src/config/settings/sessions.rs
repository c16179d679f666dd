//! Timeouts of sessions: the idle one, and the absolute one, which is never shorter.

use std::time::Duration;

use crate::config::read::error::InvalidValue;
use crate::config::read::parse::{duration, written};
use crate::config::read::reader::Reader;
use crate::config::variables::{SESSION_ABSOLUTE, SESSION_IDLE, Variable};

const SHORTEST: Duration = Duration::from_mins(1);
/// Longest time that browsers keep a cookie (RFC 6265bis, section 5.5).
const LONGEST: Duration = Duration::from_hours(400 * 24);

/// Idle and absolute timeout of sessions.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Idle timeout of a session.
    pub idle: Duration,
    /// Absolute timeout of a session, however much it is used.
    pub absolute: Duration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { idle: Duration::from_hours(7 * 24), absolute: Duration::from_hours(90 * 24) }
    }
}

impl SessionConfig {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let Self { idle, absolute } = Self::default();
        let idle = limit(reader, &SESSION_IDLE, idle);
        let absolute = limit(reader, &SESSION_ABSOLUTE, absolute);
        let (Some(idle), Some(absolute)) = (idle, absolute) else { return Self::default() };
        if absolute < idle {
            let (name, idle, absolute) = (SESSION_IDLE.name, written(idle), written(absolute));
            let wrong = format!("is {absolute}, and {name} is {idle}");
            let expected = format!("a duration that is not shorter than {name}");
            reader.problem(SESSION_ABSOLUTE.name, InvalidValue::new(wrong, expected));
        }
        Self { idle, absolute }
    }
}

/// Reads a duration or its default; `None` if it has a problem of its own.
fn limit(reader: &mut Reader<'_>, variable: &Variable, default: Duration) -> Option<Duration> {
    let is_set = reader.is_set(variable);
    reader.read(variable, duration(SHORTEST..=LONGEST)).or((!is_set).then_some(default))
}
