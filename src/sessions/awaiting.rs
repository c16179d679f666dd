//! Waiting for the end of one session: what is kept open in its name closes then.

use super::Sessions;
use crate::id::SessionId;

impl Sessions {
    /// Waits until a session has ended, on whatever node, until its time is over, or until nobody can say.
    pub async fn over(self, id: SessionId) {
        let mut ended = self.ended();
        loop {
            ended.mark_unchanged();
            let Ok(session) = self.by_id(id).await else { return };
            tokio::select! {
                changed = ended.changed() => if changed.is_err() { return },
                () = self.clock.sleep_until(session.expires_at) => {}
            }
        }
    }
}
