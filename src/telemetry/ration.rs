//! Doing what could be done in thousands so often in a second and no oftener.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Instant;

/// Since when this process counts seconds.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// So many of something in a second.
#[derive(Debug)]
pub(super) struct Ration {
    most: u32,
    /// The second, and how many were taken in it.
    taken: Mutex<(u64, u32)>,
}

impl Ration {
    /// This many.
    pub(super) const fn of(most: u32) -> Self {
        Self { most, taken: Mutex::new((0, 0)) }
    }

    /// Takes one, if there is any left in this second.
    pub(super) fn take(&self) -> bool {
        self.take_at(BEGINNING.elapsed().as_secs())
    }

    fn take_at(&self, now: u64) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.0 != now {
            *taken = (now, 0);
        }
        let is_left = taken.1 < self.most;
        taken.1 += u32::from(is_left);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ration_is_there_again_in_the_next_second() {
        let ration = Ration::of(2);
        let taken: Vec<_> = [0, 0, 0, 1, 3, 3, 3].map(|second| ration.take_at(second)).into();
        assert_eq!(taken, [true, true, false, true, true, true, false]);
    }

    #[test]
    fn rations_of_one_are_taken_each_once_a_second() {
        let told = [Ration::of(1), Ration::of(1)];
        let taken: Vec<_> = [(0, 0), (0, 0), (1, 0), (0, 1), (1, 0), (2, 5)]
            .into_iter()
            .map(|(place, second)| told.get(place).is_some_and(|it| it.take_at(second)))
            .collect();
        assert_eq!(taken, [true, false, true, true, false, false]);
    }
}
