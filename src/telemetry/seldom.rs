//! Telling what happens in thousands once a second.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
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

#[cfg(test)]
mod tests {
    use super::*;

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
