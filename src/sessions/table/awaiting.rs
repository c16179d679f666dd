//! Waiting for the end of one session: what is kept open in its name closes then.

use std::sync::Arc;

use super::Session;
use crate::sessions::Sessions;

impl Sessions {
    /// Waits until a session has ended, on whatever node, until its time is over, or until nobody can say. The ends of other
    /// sessions wake nobody here.
    pub async fn over(self, session: Arc<Session>) {
        let watching = self.table.watch(&session);
        loop {
            // Before the look: what happens after it is not missed.
            let told = watching.told();
            let Ok(session) = self.by_id(session.id).await else { return };
            tokio::select! {
                () = told => {}
                () = self.clock.sleep_until(session.expires_at) => {}
            }
        }
    }
}
