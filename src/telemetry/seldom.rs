//! Telling what happens in thousands so often in a second and no oftener.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Instant;

/// Since when this process counts seconds.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Which of `N` things were told lately.
#[derive(Debug)]
pub(super) struct Seldom<const N: usize>([AtomicU64; N]);

impl<const N: usize> Seldom<N> {
    /// Nothing was told yet.
    pub(super) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }

    /// Whether to tell this one now: nobody else does in the same second.
    pub(super) fn is_due(&self, place: usize) -> bool {
        self.is_due_at(place, BEGINNING.elapsed().as_secs())
    }

    fn is_due_at(&self, place: usize, second: u64) -> bool {
        // What was never told stands at 0, so seconds count from 1.
        let second = second.saturating_add(1);
        self.0.get(place).is_some_and(|told| told.swap(second, Ordering::Relaxed) != second)
    }
}

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
    fn each_is_told_once_a_second() {
        let told = Seldom::<2>::new();
        let due: Vec<_> = [(0, 0), (0, 0), (1, 0), (0, 1), (1, 0), (2, 5)]
            .into_iter()
            .map(|(place, second)| told.is_due_at(place, second))
            .collect();
        assert_eq!(due, [true, false, true, true, false, false]);
    }
}
