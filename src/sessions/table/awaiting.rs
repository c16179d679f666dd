//! Waiting for the end of one session, so that streams opened in its name close with it.

use std::sync::Arc;

use super::Session;
use crate::sessions::Sessions;

impl Sessions {
    /// Waits until a session has ended on any node, until its time is over, or until neither can be found out. The ends of
    /// other sessions do not wake it.
    pub async fn over(self, session: Arc<Session>) {
        let watching = self.table.watch(&session);
        loop {
            // Before the look-up: an end that is heard of after it is not missed.
            let told = watching.told();
            let Ok(session) = self.by_id(session.id).await else { return };
            tokio::select! {
                () = told => {}
                () = self.clock.sleep_until(session.expires_at) => {}
            }
        }
    }
}
