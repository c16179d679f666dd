//! Metrics of every request (OpenTelemetry's conventions for HTTP servers).

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use opentelemetry::KeyValue;
use poem::Response;
use poem::http::{Method, StatusCode};

use crate::telemetry::metrics::instrument::{Series, Tally, number};
use crate::telemetry::metrics::{ACTIVE_REQUESTS, REQUEST_DURATION};

/// Methods that HTTP defines (RFC 9110, section 9, and RFC 5789), and the word for all others.
const METHODS: [&str; 10] =
    ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "CONNECT", "TRACE", OTHER];
const OTHER: &str = "_OTHER";

/// Requests that are being answered, by method.
static ACTIVE: Tally<{ METHODS.len() }> = Tally::new();

/// Measurement of a request in flight, which is recorded on drop, also if the client has cancelled it.
#[derive(Debug)]
pub(super) struct Measured {
    /// Method, by which requests in flight are counted.
    method: KnownMethod,
    /// Path template; none for a path that fits no route, so that clients cannot make series.
    route: Option<&'static str>,
    /// Scheme of the public URL, an attribute of every series.
    scheme: &'static str,
    /// Start of the request, for its duration.
    began: Instant,
    /// Status and duration of the answer, once it is ready; none if the request is cancelled.
    answered: Option<(StatusCode, Duration)>,
}

/// Key of a series: the place of the method, the template and the status.
type SeriesKey = (usize, Option<&'static str>, Option<StatusCode>);

/// Series by their keys.
type SeriesMap = HashMap<SeriesKey, Series, RandomState>;

thread_local! {
    /// Series that this thread has recorded, as many as there are operations and statuses: each looked up once.
    static SERIES: RefCell<SeriesMap> = RefCell::default();
}

/// `error.type` of a request that its client has cancelled.
const CANCELLED: &str = "cancelled";

/// A method as telemetry knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownMethod {
    /// Place in `METHODS`, which indexes the count of requests in flight.
    place: usize,
    /// The method as telemetry writes it, `_OTHER` for an unknown one.
    pub(super) word: &'static str,
}

impl KnownMethod {
    /// Classifies a method; all unknown ones are one.
    pub(super) fn of(method: &Method) -> Self {
        let mut methods = METHODS.into_iter().enumerate();
        let found = methods.find(|(_, word)| method.as_str() == *word);
        let (place, word) = found.unwrap_or((METHODS.len() - 1, OTHER));
        Self { place, word }
    }
}

impl Measured {
    /// Begins the measurement of a request.
    pub(super) fn begin(
        method: KnownMethod,
        route: Option<&'static str>,
        scheme: &'static str,
    ) -> Self {
        ACTIVE.add(method.place);
        Self { method, route, scheme, began: Instant::now(), answered: None }
    }

    /// Ends the measurement with the answer; returns its duration.
    pub(super) fn end(mut self, response: &Response) -> Duration {
        let took = self.began.elapsed();
        self.answered = Some((response.status(), took));
        took
    }

    fn record(&self) {
        let status = self.answered.map(|(status, _)| status);
        let took = self.answered.map_or_else(|| self.began.elapsed(), |(_, took)| took);
        let record = |known: &RefCell<SeriesMap>| {
            let make = || REQUEST_DURATION.series(&self.attributes(status));
            let key = (self.method.place, self.route, status);
            known.borrow_mut().entry(key).or_insert_with(make).record(took);
        };
        // The series are gone while the thread ends.
        let _ = SERIES.try_with(record);
    }

    fn attributes(&self, status: Option<StatusCode>) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(5);
        attributes.push(KeyValue::new("http.request.method", self.method.word));
        attributes.extend(self.route.map(|route| KeyValue::new("http.route", route)));
        attributes.push(KeyValue::new("url.scheme", self.scheme));
        let code = status.map(|status| i64::from(status.as_u16()));
        attributes.extend(code.map(|code| KeyValue::new("http.response.status_code", code)));
        let error = match status {
            None => Some(CANCELLED.to_owned()),
            Some(status) if status.is_server_error() => Some(status.as_str().to_owned()),
            Some(_) => None,
        };
        attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
        attributes
    }
}

/// Records the request in any case: cancelled ones are the slowest.
impl Drop for Measured {
    fn drop(&mut self) {
        ACTIVE.subtract(self.method.place);
        self.record();
    }
}

/// Registers the number of requests in flight under a public URL of this scheme.
pub(super) fn observe(scheme: &'static str) {
    ACTIVE_REQUESTS.by(move |active| {
        for (place, count) in ACTIVE.numbers() {
            let method = METHODS.get(place).copied().unwrap_or(OTHER);
            let attributes =
                [KeyValue::new("http.request.method", method), KeyValue::new("url.scheme", scheme)];
            active.observe(number(count), &attributes);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_http_does_not_define_is_another_one() {
        assert_eq!(KnownMethod::of(&Method::PATCH).word, "PATCH");
        assert_eq!(KnownMethod::of(&Method::from_bytes(b"BREW").unwrap()).word, "_OTHER");
    }
}
