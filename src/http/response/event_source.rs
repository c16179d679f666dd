//! Retry of an `EventSource` that cannot be served for the moment.
//!
//! It connects again by itself if a stream ends, but gives up for good if it is answered anything but `200` (HTML, section
//! 9.2.3). So instead of `503` it gets a stream that ends at once with the time after which to retry.

use poem::http::{StatusCode, header};
use poem::{Request, Response};

use crate::http::header_of;

const CONTENT_TYPE: &str = "text/event-stream";

/// Event with the milliseconds until the retry: by then a node that stops is back, or its load balancer has another one.
const RETRY: &str = "retry: 3000\n\n";

/// True for a request of an `EventSource`: it accepts nothing else.
pub(crate) fn asks(request: &Request) -> bool {
    header_of(request, &header::ACCEPT) == Some(CONTENT_TYPE)
}

/// Replaces a `503` by an answer that makes an `EventSource` retry; other answers stay.
pub(crate) fn understood(response: Response) -> Response {
    if response.status() != StatusCode::SERVICE_UNAVAILABLE {
        return response;
    }
    Response::builder()
        .content_type(CONTENT_TYPE)
        .header(header::CACHE_CONTROL, "no-store")
        .body(RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::response::problem::Problem;

    #[tokio::test]
    async fn an_event_source_that_cannot_be_served_now_is_told_to_come_back() {
        let told = understood(Problem::unavailable().to_response());
        assert_eq!((told.status(), told.content_type()), (StatusCode::OK, Some(CONTENT_TYPE)));
        assert_eq!(told.into_body().into_string().await.unwrap(), "retry: 3000\n\n");
        let refused = understood(Problem::unauthenticated().to_response());
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn an_event_source_accepts_nothing_else() {
        let asks = |accept: &str| asks(&Request::builder().header("accept", accept).finish());
        assert!(asks("text/event-stream"));
        assert!(!asks("*/*") && !asks("text/html, text/event-stream"));
    }
}
