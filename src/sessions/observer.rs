//! Observer of sessions that other processes extend and end.
//!
//! The follower changes the table itself, event by event as it reads them: nothing waits between the log and the table,
//! however long the backlog is.

use super::commands::EndOrigin;
use super::events::SessionEvent;
use super::session_list::SessionList;
use super::{Sessions, read_model};
use crate::eventlog::cluster::follower::Observer;
use crate::eventlog::model::stream::category_of;
use crate::eventlog::{Decider, Event, PassingEvent};

impl Observer for Sessions {
    fn reads(&self) -> &'static [&'static str] {
        &[SessionList::CATEGORY]
    }

    fn observe(&self, event: &PassingEvent<'_>) {
        if category_of(event.stream) != SessionList::CATEGORY {
            return;
        }
        let view = event.view();
        let Some(user_id) = read_model::owner(&view) else { return };
        self.lists.require(&Self::stream(user_id), event.version);
        match SessionEvent::decode(view.name, view.schema, view.data) {
            Ok(session_event) => {
                let at = (event.recorded_at, self.table.moment());
                self.apply(user_id, &session_event, EndOrigin::Elsewhere, at);
            }
            Err(error) => {
                tracing::error!(%error, position = event.position, "failed to decode a session event");
                self.doubt(user_id);
            }
        }
    }
}
