//! A pause before a refusal: whoever is refused and asks again at once is slowed, instead of keeping the server busy with
//! refusals.
//!
//! Nothing is held for it but the future of a request that has given everything back. `Retry-After` asks for a longer pause,
//! so a client that obeys it loses nothing.

use std::time::Duration;

use poem::Response;
use tokio::sync::Semaphore;

/// How long a refusal waits.
const PAUSE: Duration = Duration::from_millis(500);
/// Most refusals that wait at the same time. Further ones are answered at once.
const MOST: u32 = 2_048;

static PLACES: Semaphore = Semaphore::const_new(MOST as usize);

/// Marks an answer as a refusal of what is too much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overload;

/// Whether an answer is such a refusal.
pub(super) fn is_due(response: &Response) -> bool {
    response.data::<Overload>().is_some()
}

/// The pause.
pub(super) async fn pause() {
    if let Ok(_place) = PLACES.try_acquire() {
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Problem;

    #[test]
    fn only_a_refusal_of_what_is_too_much_is_paused() {
        assert!(is_due(&Problem::overloaded().to_response()));
        assert!(!is_due(&Problem::unavailable().to_response()));
        assert!(!is_due(&Response::default()));
    }

    #[tokio::test]
    async fn beyond_the_places_a_refusal_is_answered_at_once() {
        use futures_util::FutureExt;

        let all = PLACES.acquire_many(MOST).await.unwrap();
        assert_eq!(pause().now_or_never(), Some(()));
        drop(all);
        assert_eq!(pause().now_or_never(), None);
    }
}
