//! Answers that are being sent: the bytes of a large one are leased until its client has received it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::Body as _;
use poem::Response;

use super::problem::Problem;
use crate::capacity::budget::{Budget, Lease};
use crate::http::edge::admission::Requester;

/// Answers up to this size are part of what a request holds.
const SMALL: usize = 16 * 1024;

/// Lease of an answer, in the extensions of the response.
#[derive(Debug, Clone)]
pub struct ResponseLease {
    /// Released once the answer is sent; shared, because extensions have to be cloneable.
    _lease: Arc<Lease>,
}

/// Leases the bytes of a large answer until its client has received it; refuses the request if there is no room. The answer
/// to a change is sent in any case: the change is made, and a refusal would say that it is not.
pub(crate) fn leased(mut response: Response, budget: &Budget, asker: Requester) -> Response {
    let body: BoxBody<Bytes, io::Error> = response.take_body().into();
    // A stream holds one piece at a time, and has a lease of its own.
    let size = body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
    response.set_body(body);
    let Some(bytes) = size.filter(|size| *size > SMALL) else { return response };
    match budget.lease(asker.client, bytes) {
        Ok(lease) => {
            response.extensions_mut().insert(ResponseLease { _lease: Arc::new(lease) });
            response
        }
        Err(_) if asker.only_reads => Problem::overloaded().to_response(),
        Err(_) => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::budget::{Holder, Purpose};

    fn answer(size: usize) -> Response {
        Response::builder().body(vec![b'x'; size])
    }

    #[tokio::test]
    async fn a_large_answer_is_leased_until_it_is_sent() {
        let budget = Budget::new(Purpose::Answers, 100_000, 50_000);
        let eve = Holder::client("192.0.2.1".parse().unwrap());
        let sent =
            |size, only_reads| leased(answer(size), &budget, Requester { client: eve, only_reads });
        let small = sent(SMALL, true);
        assert_eq!(
            (small.extensions().get::<ResponseLease>().is_some(), budget.used()),
            (false, 0)
        );
        let large = sent(40_000, true);
        assert!(large.extensions().get::<ResponseLease>().is_some());
        assert_eq!(sent(40_000, true).status().as_u16(), 503);
        assert_eq!(sent(40_000, false).status().as_u16(), 200, "it is done");
        assert_eq!(large.into_body().into_bytes().await.unwrap().len(), 40_000);
        assert_eq!(budget.used(), 0);
    }
}
