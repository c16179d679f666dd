//! Check of sessions: a session is valid from the response to its sign-in until a sign-out, and never again.

use std::collections::HashMap;

use super::history::{Moment, Outcome, SessionAct, SessionOperation};
use super::{Kind, Verdict};

/// Earliest evidence for the end of a session.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    /// Start of the first sign-out that may have succeeded.
    attempted: Option<Moment>,
    /// Time of the first acknowledged sign-out.
    answered: Option<Moment>,
    /// Time of the first refusal of a credential.
    refused: Option<Moment>,
}

/// Checks the uses of all sessions against their ends.
pub fn verify(operations: &[SessionOperation]) -> Verdict {
    let mut ends: HashMap<u32, End> = HashMap::new();
    for operation in operations {
        ends.entry(operation.session).or_default().note(operation);
    }
    let mut verdict = Verdict::default();
    for operation in operations {
        let end = ends.get(&operation.session).copied().unwrap_or_default();
        judge(operation, end, &mut verdict);
    }
    verdict
}

impl End {
    fn note(&mut self, operation: &SessionOperation) {
        let span = operation.span;
        match operation.act {
            SessionAct::Accepted | SessionAct::SignOut(Outcome::Failed) => {}
            SessionAct::Refused => earlier(&mut self.refused, span.ended),
            SessionAct::SignOut(Outcome::Unknown) => earlier(&mut self.attempted, span.begun),
            SessionAct::SignOut(Outcome::Done) => {
                earlier(&mut self.attempted, span.begun);
                earlier(&mut self.answered, span.ended);
            }
        }
    }
}

fn earlier(kept: &mut Option<Moment>, moment: Moment) {
    *kept = Some(kept.map_or(moment, |kept| kept.min(moment)));
}

fn judge(operation: &SessionOperation, end: End, verdict: &mut Verdict) {
    let SessionOperation { session, span, act } = *operation;
    match act {
        SessionAct::Accepted => {
            let began_before = |moment: Option<Moment>| moment.is_none_or(|end| span.begun <= end);
            verdict.check(began_before(end.answered), Kind::AcceptedAfterSignOut, span, || {
                format!("session {session} was accepted; its sign-out was answered before")
            });
            verdict.check(began_before(end.refused), Kind::AcceptedAfterRefusal, span, || {
                format!("session {session} was accepted; it had been refused before")
            });
        }
        SessionAct::Refused => {
            let may_have_ended = end.attempted.is_some_and(|begun| begun <= span.ended);
            verdict.check(may_have_ended, Kind::LiveSessionRefused, span, || {
                format!("session {session} was refused; nobody had tried to end it")
            });
        }
        SessionAct::SignOut(_) => {}
    }
}
