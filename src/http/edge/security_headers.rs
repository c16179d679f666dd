//! Security headers of every answer.

use poem::Response;
use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The headers of every answer that does not bring its own.
#[derive(Debug, Clone)]
pub struct SecurityHeaders(HeaderMap);

const ALWAYS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Answers of the API are data: nothing in them may run or be embedded.
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    // Answers are private to a user unless they say otherwise.
    (header::CACHE_CONTROL, "no-store"),
];

/// For a site with https, browsers are told to insist on it: for two years, as the preload lists ask.
const HSTS: &str = "max-age=63072000; includeSubDomains";

/// Room for these headers and an answer's own.
const CAPACITY: usize = 16;

impl SecurityHeaders {
    /// Makes the headers of a site.
    pub fn new(https: bool) -> Self {
        let mut headers = HeaderMap::with_capacity(CAPACITY);
        for (name, value) in ALWAYS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if https {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
        }
        Self(headers)
    }

    /// Puts the headers on an answer; those that it brings itself stay.
    pub fn put_on(&self, response: &mut Response) {
        let own = std::mem::replace(response.headers_mut(), self.0.clone());
        response.headers_mut().extend(own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_keeps_its_own_headers() {
        let mut response = Response::builder()
            .header(header::CACHE_CONTROL, "public")
            .header(header::SET_COOKIE, "a=1")
            .header(header::SET_COOKIE, "b=2")
            .finish();
        SecurityHeaders::new(false).put_on(&mut response);
        let values = |name| {
            let all = response.headers().get_all(name).iter();
            all.map(|value| value.to_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(values(header::CACHE_CONTROL), ["public"]);
        assert_eq!(values(header::SET_COOKIE), ["a=1", "b=2"]);
        assert_eq!(values(header::X_FRAME_OPTIONS), ["DENY"]);
        assert_eq!(values(header::STRICT_TRANSPORT_SECURITY), [""; 0]);
    }
}
