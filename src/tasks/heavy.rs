//! Work on whole lists: what reads or changes thousands of tasks at once is done by few at a time.
//!
//! Each such piece holds as much memory as a hundred thousand requests. Whoever comes too late waits a little, and nobody
//! has two turns, so one person cannot take them from everybody else.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::id::UserId;
use crate::telemetry::events;
use crate::telemetry::reason::Reason;
use crate::workers::{WorkError, Workers};

/// Most pieces of such work at the same time.
pub const MAX_AT_ONCE: usize = 2;
/// Most bytes of files that arrive or wait for their turn at the same time, in `UNIT`s.
const ROOM: usize = 384;
const UNIT: usize = 1024 * 1024;
/// Longest time to wait for a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// No turn came in time, or the user has one already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much is done with whole lists already")]
pub struct Busy;

impl Busy {
    fn refused() -> Self {
        events::refused(Reason::FileQueue);
        Self
    }
}

/// The turns. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Heavy {
    places: Arc<Semaphore>,
    room: Arc<Semaphore>,
    busy: Arc<Mutex<HashSet<UserId>>>,
    readers: Workers<()>,
}

impl Heavy {
    /// All turns are free; `readers` read files.
    pub fn new(readers: Workers<()>) -> Self {
        let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
        Self { places, room: Arc::new(Semaphore::new(ROOM)), busy: Arc::default(), readers }
    }

    /// That a user is about to do such work. Taken before anything is held for it.
    ///
    /// # Errors
    ///
    /// When they do some already.
    pub fn claim(&self, owner: UserId) -> Result<Claim, Busy> {
        let is_first = self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(owner);
        if is_first {
            Ok(Claim { heavy: self.clone(), owner, place: None, room: None })
        } else {
            Err(Busy)
        }
    }
}

/// A user's claim to a turn, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    heavy: Heavy,
    owner: UserId,
    place: Option<OwnedSemaphorePermit>,
    room: Option<OwnedSemaphorePermit>,
}

impl Claim {
    /// Reads something long away from the threads that answer requests.
    ///
    /// # Errors
    ///
    /// When others wait to be read already, or it panicked.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        self.heavy.readers.run(|()| read()).await
    }

    /// Takes room for so many bytes, and keeps it.
    ///
    /// # Errors
    ///
    /// When there is not that much.
    pub fn room_for(&mut self, bytes: usize) -> Result<(), Busy> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| Busy::refused())?;
        let room = Arc::clone(&self.heavy.room).try_acquire_many_owned(units);
        self.room = Some(room.map_err(|_| Busy::refused())?);
        Ok(())
    }

    /// Waits for the turn, and keeps it.
    ///
    /// # Errors
    ///
    /// When it does not come in time.
    pub async fn turn(&mut self) -> Result<(), Busy> {
        let place = Arc::clone(&self.heavy.places).acquire_owned();
        let place = tokio::time::timeout(PATIENCE, place).await.map_err(|_| Busy::refused())?;
        self.place = Some(place.map_err(|_| Busy::refused())?);
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.heavy.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::{Share, Work};

    fn user(number: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn nobody_has_two_turns_and_a_turn_is_given_back() {
        let readers = Workers::start(Work::Files, 1, Share::Full, MAX_AT_ONCE).unwrap();
        let heavy = Heavy::new(readers);
        let mut claim = heavy.claim(user(1)).unwrap();
        claim.turn().await.unwrap();
        assert_eq!(heavy.claim(user(1)).err(), Some(Busy));
        let mut other = heavy.claim(user(2)).unwrap();
        other.turn().await.unwrap();
        claim.room_for(ROOM * UNIT).unwrap();
        assert_eq!(other.room_for(1), Err(Busy));
        drop(claim);
        other.room_for(1).unwrap();
        heavy.claim(user(1)).unwrap().turn().await.unwrap();
    }
}
