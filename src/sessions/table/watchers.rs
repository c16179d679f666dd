//! Tasks that wait for the end of a session: woken by the end of that session, and by no other's.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::base::id::{SessionId, UserId};
use crate::base::sharded_map::ShardedMap;

/// Sessions of one user whose ends are waited for, each with the signal of its waits.
type WatchedSessions = Vec<(SessionId, Arc<Notify>)>;

/// All waits for ends of sessions. They are kept apart from the table of sessions, from which an entry may be evicted during
/// a wait.
#[derive(Default)]
pub(super) struct Watchers(ShardedMap<UserId, WatchedSessions>);

impl Watchers {
    /// Registers a wait for the end of a session.
    pub(super) fn watch(self: &Arc<Self>, user_id: UserId, id: SessionId) -> Watching {
        let told = self.0.update(&user_id, |users| {
            let watched = users.entry(user_id).or_default();
            if let Some((_, told)) = watched.iter().find(|(known, _)| *known == id) {
                return Arc::clone(told);
            }
            let told = Arc::new(Notify::new());
            watched.push((id, Arc::clone(&told)));
            told
        });
        Watching { watchers: Arc::clone(self), user_id, id, told }
    }

    /// Wakes the waits for this session, which has ended.
    pub(super) fn wake(&self, user_id: UserId, id: SessionId) {
        self.wake_those(user_id, |known| known == id);
    }

    /// Wakes the waits for every session of this user, any of which may have ended.
    pub(super) fn wake_all(&self, user_id: UserId) {
        self.wake_those(user_id, |_| true);
    }

    fn wake_those(&self, user_id: UserId, are_meant: impl Fn(SessionId) -> bool) {
        for (id, told) in self.0.get(&user_id).unwrap_or_default() {
            if are_meant(id) {
                told.notify_waiters();
            }
        }
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchers")
    }
}

/// A wait for the end of one session, registered until it is dropped.
#[derive(Debug)]
pub(crate) struct Watching {
    /// Register from which this wait is removed on drop.
    watchers: Arc<Watchers>,
    /// Key of the register, by which a doubt about a user wakes every wait for that user.
    user_id: UserId,
    /// Session whose end wakes this wait.
    id: SessionId,
    /// Signal shared by all waits for the session.
    told: Arc<Notify>,
}

impl Watching {
    /// Resolves when the session has ended or may have, as long as that happens after this call.
    pub(super) fn told(&self) -> Notified<'_> {
        self.told.notified()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.watchers.0.update(&self.user_id, |users| {
            let Some(watched) = users.get_mut(&self.user_id) else { return };
            // Two references are this value's and the map's; more are handed out under this lock only.
            watched.retain(|(id, told)| *id != self.id || Arc::strong_count(told) > 2);
            if watched.is_empty() {
                users.remove(&self.user_id);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    fn session(number: u128) -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(number))
    }

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn the_end_of_a_session_wakes_those_who_wait_for_it_and_nobody_else() {
        let watchers = Arc::new(Watchers::default());
        let all: Vec<_> =
            (0..10_000).map(|number| watchers.watch(user(number / 2), session(number))).collect();
        let again = watchers.watch(user(3), session(7));
        let (mut told, told_again): (Vec<_>, _) =
            (all.iter().map(Watching::told).collect(), again.told());
        watchers.wake(user(3), session(7));
        let woken: Vec<_> = told
            .drain(..)
            .enumerate()
            .filter_map(|(number, told)| told.now_or_never().map(|()| number))
            .collect();
        assert_eq!((woken, told_again.now_or_never()), (vec![7], Some(())));
    }

    #[tokio::test]
    async fn a_doubt_about_a_user_wakes_those_who_wait_for_that_users_sessions() {
        let watchers = Arc::new(Watchers::default());
        let watching = [(1, 10), (1, 11), (2, 20)]
            .map(|(user_id, id)| watchers.watch(user(user_id), session(id)));
        let told = watching.each_ref().map(Watching::told);
        watchers.wake_all(user(1));
        assert_eq!(told.map(FutureExt::now_or_never), [Some(()), Some(()), None]);
    }

    #[tokio::test]
    async fn nothing_is_left_of_those_who_have_gone() {
        let watchers = Arc::new(Watchers::default());
        let (first, second) =
            (watchers.watch(user(1), session(10)), watchers.watch(user(1), session(10)));
        drop(first);
        let told = second.told();
        watchers.wake(user(1), session(10));
        assert_eq!(told.now_or_never(), Some(()));
        drop(second);
        assert!(watchers.0.values().is_empty());
    }
}
