//! The network address that a request comes from.
//!
//! Any client can send `X-Forwarded-For`; only entries that trusted proxies appended to it are believed. The last of them
//! appends the address it was called from at the right end, the entry of the proxy before it stands left of that, and so on:
//! with n trusted proxies, the client's address is the n-th entry from the right, whatever stands further left.

use std::net::{IpAddr, SocketAddr};

use poem::Request;
use poem::http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Address that a request comes from, behind this many trusted proxies.
pub(super) fn of(request: &Request, trusted_proxies: usize) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr().map(SocketAddr::ip);
    client_address(peer, request.headers(), trusted_proxies)
}

/// Address of the client behind this many trusted proxies; the peer's if there are none or they named none.
fn client_address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted_proxies: usize,
) -> Option<IpAddr> {
    let forwarded = trusted_proxies.checked_sub(1).and_then(|nth| forwarded(headers, nth));
    forwarded.or(peer).map(|address| address.to_canonical())
}

/// Reads the entry this many places left of the last one. Several headers count as one, in their order (RFC 9110,
/// section 5.3). They are split as bytes, so that an entry that is no text counts too.
fn forwarded(headers: &HeaderMap, nth: usize) -> Option<IpAddr> {
    let values = headers.get_all(FORWARDED_FOR).into_iter().rev();
    let mut entries = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    let entry = std::str::from_utf8(entries.nth(nth)?).ok()?.trim();
    // Some proxies add the port.
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    entry.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    const PEER: &str = "10.0.0.1";

    fn address(values: &[&[u8]], trusted_proxies: usize) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(value).unwrap());
        }
        let peer = PEER.parse().unwrap();
        client_address(Some(peer), &headers, trusted_proxies).unwrap().to_string()
    }

    #[test]
    fn without_a_trusted_proxy_the_header_is_ignored() {
        assert_eq!(address(&[b"192.0.2.1"], 0), PEER);
    }

    #[test]
    fn the_address_is_as_many_entries_from_the_right_as_there_are_proxies() {
        let header: &[u8] = b"192.0.2.66, 192.0.2.1 ,198.51.100.2";
        assert_eq!(address(&[header], 1), "198.51.100.2");
        assert_eq!(address(&[header], 2), "192.0.2.1");
        let several: [&[u8]; 2] = [b"192.0.2.66, 192.0.2.1", b"198.51.100.2"];
        assert_eq!(address(&several, 1), "198.51.100.2");
        assert_eq!(address(&several, 2), "192.0.2.1");
    }

    #[test]
    fn what_a_client_puts_in_front_changes_nothing() {
        for claim in ["", "127.0.0.1, ", "nonsense, ", ",,,", "\u{fc}, "] {
            let header = format!("{claim}192.0.2.1");
            assert_eq!(address(&[header.as_bytes()], 1), "192.0.2.1", "{claim:?}");
        }
        assert_eq!(address(&[b"\xff\xfe", b"\xff, 192.0.2.1"], 1), "192.0.2.1");
    }

    #[test]
    fn the_peer_is_taken_where_the_header_does_not_say() {
        let silent: [&[&[u8]]; 6] =
            [&[], &[b""], &[b"192.0.2.1, "], &[b"unknown"], &[b"192.0.2.256"], &[b"\xff"]];
        for headers in silent {
            assert_eq!(address(headers, 1), PEER, "{headers:?}");
        }
        assert_eq!(address(&[b"192.0.2.1"], 2), PEER);
    }

    #[test]
    fn an_address_is_written_in_one_way() {
        assert_eq!(address(&[b"2001:DB8::0:1"], 1), "2001:db8::1");
        assert_eq!(address(&[b"::ffff:192.0.2.1"], 1), "192.0.2.1");
        assert_eq!(address(&[b"192.0.2.1:49152"], 1), "192.0.2.1");
        assert_eq!(address(&[b"[2001:db8::1]:49152"], 1), "2001:db8::1");
    }
}
