//! The site: its public address, and the pages that may send requests.

use poem::Request;
use poem::http::{HeaderName, header};

use super::{header_of, request};

/// Public address of the server, and the sites and proxies that it trusts.
#[derive(Debug, Clone)]
pub struct Site {
    /// The public URL's origin: scheme, host, port.
    pub origin: String,
    /// True if the public URL is https: cookies are then marked secure.
    pub secure: bool,
    /// Origins of other sites whose pages may call the API with credentials.
    pub trusted_origins: Vec<String>,
    /// Number of reverse proxies in front that append the address they were called from to `X-Forwarded-For`.
    pub trusted_proxies: usize,
}

/// Sender of a request, as far as browsers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A page of this site.
    Own,
    /// A page of a site that may call with credentials.
    Trusted,
    /// A page of any other site.
    Other,
    /// No header tells the sender: it is no browser.
    Unknown,
}

/// Relation of the page that sends a browser's request to this site (W3C Fetch Metadata, section 2.4).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Site {
    /// Scheme of the public URL.
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Finds the sender of a request that changes something, from `Sec-Fetch-Site` and `Origin`, which browsers set and no page
    /// can change.
    pub fn sender(&self, request: &Request) -> Sender {
        let origin = header_of(request, &header::ORIGIN);
        let is_trusted = |origin: &str| self.trusted_origins.iter().any(|known| known == origin);
        match (header_of(request, &SEC_FETCH_SITE), origin) {
            (Some("same-origin"), _) => Sender::Own,
            (_, Some(origin)) if is_trusted(origin) => Sender::Trusted,
            (None, Some(origin)) if self.is_own(origin, request) => Sender::Own,
            (None, None) => Sender::Unknown,
            (_, _) => Sender::Other,
        }
    }

    /// Returns true if an origin (as browsers write it) is this site's: the public one, or the one that the request is sent to.
    fn is_own(&self, origin: &str, request: &Request) -> bool {
        let host = request::host::of(request).unwrap_or_default();
        let of_this_host = origin.split_once("://").is_some_and(|(scheme, authority)| {
            authority == host && (scheme == "https" || !self.secure)
        });
        of_this_host || origin == self.origin
    }
}
