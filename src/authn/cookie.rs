//! The session cookie.
//!
//! Its name is Better Auth's, so that front ends that look for it find it. It is never readable by scripts, is not sent
//! with other sites' posts, and is bound to https wherever the public URL is https.

use poem::Request;
use poem::http::header;

use crate::base::clock::Timestamp;
use crate::http::site::Site;
use crate::sessions::table::Session;
use crate::sessions::token::SessionToken;

/// Name of the cookie without https.
pub const NAME: &str = "better-auth.session_token";

/// Name of the cookie with https: the prefix binds it to https (RFC 6265bis, section 4.1.3).
const SECURE_NAME: &str = "__Secure-better-auth.session_token";

/// Header value that clears a browser's data of this site at sign-out (W3C, Clear Site Data).
///
/// It names cached answers and the storage of pages. Cookies are not named: those of the whole domain would go.
pub const CLEAR_SITE_DATA: &str = "\"cache\", \"storage\"";

/// Most cookies of the name that are tried: a browser has one for each path and domain for which one was set.
const MOST: usize = 8;

/// Reads the session tokens in the request's cookies; values without the form of one are skipped.
///
/// There may be several, a stale one first: a browser sends those of longer paths before ours (RFC 6265, section 5.4).
pub fn read(request: &Request, site: &Site) -> Vec<SessionToken> {
    let name = name(site);
    let headers = request.headers().get_all(header::COOKIE);
    let pairs =
        headers.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let values =
        pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(key, _)| *key == name);
    values.filter_map(|(_, value)| SessionToken::parse(value)).take(MOST).collect()
}

/// Makes the header that sets the cookie of a session until the session expires.
pub fn keep(token: &SessionToken, expires_at: Timestamp, now: Timestamp, site: &Site) -> String {
    let seconds = expires_at.unix_seconds().saturating_sub(now.unix_seconds()).max(0);
    set(token.reveal(), seconds, site)
}

/// Makes the header that renews the request's cookie up to the session's expiry, if the cookie is this session's.
pub fn refresh(
    request: &Request,
    session: &Session,
    now: Timestamp,
    site: &Site,
) -> Option<String> {
    let mut tokens = read(request, site).into_iter();
    let token = tokens.find(|token| token.hash() == session.token_hash)?;
    Some(keep(&token, session.expires_at, now, site))
}

/// Makes the header that deletes the cookie.
pub fn clear(site: &Site) -> String {
    set("", 0, site)
}

fn set(value: &str, max_age: i64, site: &Site) -> String {
    let secure = if site.secure { "; Secure" } else { "" };
    format!("{}={value}; Max-Age={max_age}; Path=/; HttpOnly; SameSite=Lax{secure}", name(site))
}

fn name(site: &Site) -> &'static str {
    if site.secure { SECURE_NAME } else { NAME }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::token::TokenHash;

    fn site(secure: bool) -> Site {
        Site {
            origin: "http://127.0.0.1:8000".to_owned(),
            secure,
            trusted_origins: Vec::new(),
            trusted_proxies: 0,
        }
    }

    fn request(cookie: &str) -> Request {
        Request::builder().header(header::COOKIE, cookie).finish()
    }

    fn hashes(tokens: &[SessionToken]) -> Vec<TokenHash> {
        tokens.iter().map(SessionToken::hash).collect()
    }

    #[test]
    fn a_kept_token_is_read_again() {
        let token = SessionToken::generate().unwrap();
        let at = Timestamp::from_unix_millis;
        for secure in [false, true] {
            let header = keep(&token, at(60_000), at(0), &site(secure));
            let (pair, attributes) = header.split_once("; ").unwrap();
            let expected = "Max-Age=60; Path=/; HttpOnly; SameSite=Lax";
            assert_eq!(
                attributes,
                if secure { format!("{expected}; Secure") } else { expected.to_owned() }
            );
            let read = read(&request(&format!("theme=dark; {pair}")), &site(secure));
            assert_eq!(hashes(&read), [token.hash()]);
        }
    }

    #[test]
    fn an_https_site_does_not_read_a_cookie_that_http_could_have_set() {
        let token = SessionToken::generate().unwrap();
        assert!(read(&request(&format!("{NAME}={}", token.reveal())), &site(true)).is_empty());
    }

    #[test]
    fn every_cookie_of_the_name_is_read_up_to_a_limit() {
        let tokens: Vec<_> = (0..9).map(|_| SessionToken::generate().unwrap()).collect();
        let pairs = tokens.iter().map(|token| format!("{NAME}={}", token.reveal()));
        let cookie = format!("{NAME}=nonsense; {}", pairs.collect::<Vec<_>>().join("; "));
        assert_eq!(hashes(&read(&request(&cookie), &site(false))), hashes(&tokens[..8]));
    }

    #[test]
    fn other_cookies_are_no_session() {
        for cookie in [
            "",
            "a=b",
            "better-auth.session_token",
            "better-auth.session_token=",
            "xbetter-auth.session_token=a",
        ] {
            assert!(read(&request(cookie), &site(false)).is_empty(), "{cookie:?}");
        }
    }
}
