//! The host that a request is sent to: exactly one, and a valid one (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
//!
//! HTTP/2 names it in `:authority`, and a request of HTTP/1.1 may in its target; both take precedence over the header `Host`.

use poem::Request;
use poem::http::uri::Authority;
use poem::http::{HeaderValue, Version, header};

use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;

/// Returns the host of a request, with its port if it has one.
pub fn of(request: &Request) -> Option<&str> {
    let authority = request.uri().authority().map(Authority::as_str);
    authority.or_else(|| request.headers().get(header::HOST)?.to_str().ok())
}

/// Refuses a request that names no host, several, or an invalid one. HTTP/1.0 need not name any.
///
/// # Errors
///
/// Fails with `400` and the flaw as its message.
pub(crate) fn require(request: &Request) -> Result<(), Problem> {
    let authority = request.uri().authority();
    let mut named = request.headers().get_all(header::HOST).iter();
    let invalid = |message| Err(Problem::new(codes::INVALID_HOST, message));
    match (named.next(), named.next()) {
        (_, Some(_)) => invalid("The request has several Host headers"),
        (Some(host), None) if !is_host(host) => invalid("The Host header is not a host"),
        (Some(host), None)
            if request.version() == Version::HTTP_2
                && authority.is_some_and(|authority| authority.as_str() != host) =>
        {
            invalid("The Host header names another host than :authority")
        }
        (None, None) if authority.is_none() && request.version() > Version::HTTP_10 => {
            invalid("The request has no Host header")
        }
        (Some(_) | None, None) => Ok(()),
    }
}

/// True for a host, perhaps with a port, and nothing more.
fn is_host(value: &HeaderValue) -> bool {
    Authority::try_from(value.as_bytes()).is_ok_and(|authority| !authority.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(version: Version, uri: &str, hosts: &[&str]) -> Option<String> {
        let request = Request::builder().version(version).uri_str(uri);
        let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
        require(&request.finish()).err().map(|problem| problem.message().to_owned())
    }

    #[test]
    fn a_request_names_one_host() {
        for (version, uri, hosts) in [
            (Version::HTTP_11, "/", &["id.example"][..]),
            (Version::HTTP_11, "/", &["127.0.0.1:8000"]),
            (Version::HTTP_11, "/", &["[::1]:8000"]),
            (Version::HTTP_11, "http://id.example/", &["other.example"]),
            (Version::HTTP_10, "/", &[]),
            (Version::HTTP_2, "http://id.example/", &[]),
            (Version::HTTP_2, "http://id.example/", &["id.example"]),
        ] {
            assert_eq!(refused(version, uri, hosts), None, "{version:?} {uri} {hosts:?}");
        }
    }

    #[test]
    fn none_several_and_what_is_no_host_are_refused() {
        let (none, several) =
            ("The request has no Host header", "The request has several Host headers");
        let other = "The Host header names another host than :authority";
        for (version, uri, hosts, message) in [
            (Version::HTTP_11, "/", &[][..], none),
            (Version::HTTP_2, "/", &[], none),
            (Version::HTTP_11, "/", &["a.example", "b.example"], several),
            (Version::HTTP_10, "/", &["a.example", "a.example"], several),
            (Version::HTTP_2, "http://id.example/", &["other.example"], other),
        ] {
            assert_eq!(refused(version, uri, hosts).as_deref(), Some(message), "{hosts:?}");
        }
        for host in ["", "a b", "a/b", "a@b", "http://a", "a:b:c", "[::1"] {
            let message = Some("The Host header is not a host".to_owned());
            assert_eq!(refused(Version::HTTP_11, "/", &[host]), message, "{host:?}");
        }
    }
}
