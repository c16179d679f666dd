//! A pause before a refusal: a client that asks again at once is slowed, instead of keeping the server busy with refusals.
//!
//! The pause holds nothing but the future of a request that has released everything else. `Retry-After` asks for a longer
//! pause, so a client that obeys it loses nothing.

use std::time::Duration;

use poem::Response;
use tokio::sync::Semaphore;

use crate::http::response::problem::Problem;

/// Length of the pause.
const PAUSE: Duration = Duration::from_millis(500);
/// Most refusals that wait at the same time. Further ones are answered at once.
const MOST: u32 = 2_048;

static PLACES: Semaphore = Semaphore::const_new(MOST as usize);

/// Turns a failure into its answer, after a pause if it is a refusal for overload.
pub(super) async fn answered(error: poem::Error) -> Response {
    if error.downcast_ref::<Problem>().is_some_and(Problem::is_overload) {
        // Boxed: hardly any answer has need of it.
        Box::pin(pause()).await;
    }
    error.into_response()
}

async fn pause() {
    if let Ok(_place) = PLACES.try_acquire() {
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_answered_at_once(problem: Problem) -> bool {
        answered(problem.into()).now_or_never().is_some()
    }

    #[tokio::test]
    async fn a_refusal_of_what_is_too_much_waits_while_there_are_places() {
        assert!(is_answered_at_once(Problem::unavailable()));
        assert!(!is_answered_at_once(Problem::overloaded()));
        let _all = PLACES.acquire_many(MOST).await.unwrap();
        assert!(is_answered_at_once(Problem::overloaded()));
    }
}
