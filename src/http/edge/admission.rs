//! Limits on requests in flight, in all and from one client.
//!
//! A request that may change something is counted before it begins. A request that only reads is counted once it has to
//! wait: most reads are answered from memory at once, and one that is cancelled has done nothing.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::capacity::budget::{Budget, Exhausted, Holder};

/// Bytes that a request holds while it is answered: its head, and the state of its endpoint.
pub const BYTES: usize = 16 * 1024;

/// Client of a request, and the kind of work that it asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requester {
    /// Client whose share of the budgets the request uses.
    pub(crate) client: Holder,
    /// True if the method changes nothing (RFC 9110, section 9.2.1).
    pub(crate) only_reads: bool,
}

/// Answers a request if the budget has room for it.
pub(super) async fn answered<F: Future>(
    budget: &Budget,
    asker: Requester,
    answer: F,
) -> Result<F::Output, Exhausted> {
    let lease = || budget.lease(asker.client, BYTES);
    let mut held = if asker.only_reads { None } else { Some(lease()?) };
    let mut answer = pin!(answer);
    poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Ok(answer)),
        Poll::Pending if held.is_some() => Poll::Pending,
        Poll::Pending => match lease() {
            Ok(lease) => {
                held = Some(lease);
                Poll::Pending
            }
            Err(exhausted) => Poll::Ready(Err(exhausted)),
        },
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;
    use crate::capacity::budget::Purpose;

    fn client(address: &str) -> Holder {
        Holder::client(address.parse().unwrap())
    }

    #[test]
    fn one_client_has_a_share_of_the_requests_in_flight_and_reads_from_memory_are_always_answered()
    {
        let budget = Budget::new(Purpose::Requests, 2 * BYTES, BYTES);
        let (ada, eve) = (client("192.0.2.1"), client("192.0.2.2"));
        let post =
            |client| answered(&budget, Requester { client, only_reads: false }, pending::<()>());
        let mut first = Box::pin(post(eve));
        assert_eq!(first.as_mut().now_or_never(), None);
        assert_eq!(post(eve).now_or_never(), Some(Err(Exhausted::Share)));
        let get = |client| answered(&budget, Requester { client, only_reads: true }, ready(7));
        assert_eq!(get(eve).now_or_never(), Some(Ok(7)), "it does not wait");
        let slow =
            |client| answered(&budget, Requester { client, only_reads: true }, pending::<()>());
        assert_eq!(slow(eve).now_or_never(), Some(Err(Exhausted::Share)));
        let mut other = Box::pin(slow(ada));
        assert_eq!(other.as_mut().now_or_never(), None);
        assert_eq!(post(client("192.0.2.3")).now_or_never(), Some(Err(Exhausted::Limit)));
        drop((first, other));
        assert_eq!(budget.used(), 0);
    }
}
