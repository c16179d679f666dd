//! Target of the redirect after signing in: a path of this site and nothing else.

use poem::Request;
use url::{Url, form_urlencoded};

use super::page_map;

/// Most bytes of a path, more than any page's has.
const MAX_BYTES: usize = 512;

/// A path of this site, with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnPath(String);

impl OwnPath {
    /// Parses a path of this site. Browsers take `//host`, `/\host` and texts with control characters for other sites, so a
    /// text that does not stay on a made-up site, spelled exactly like this, is refused.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let base = Url::parse("http://own.invalid").ok()?;
        let joined = base.join(text).ok()?;
        let stays = text.starts_with('/')
            && text.len() <= MAX_BYTES
            && !text.contains('\\')
            && joined.origin() == base.origin()
            && joined.fragment().is_none()
            && joined.as_str().strip_prefix("http://own.invalid") == Some(text);
        stays.then(|| Self(text.to_owned()))
    }

    /// Path in `?next=` of a request, if it is a page of this site.
    pub(super) fn next_of(request: &Request) -> Option<Self> {
        let query = request.uri().query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let next =
            pairs.find(|(name, _)| name == "next").and_then(|(_, value)| Self::parse(&value));
        next.filter(Self::is_page)
    }

    /// Page that a request asks for; for a form, the page on which it stands.
    pub(super) fn of_page(request: &Request) -> Option<Self> {
        let path = request.uri().path_and_query()?.as_str();
        if page_map::is_shown(request.uri().path()) {
            Self::parse(path)
        } else {
            Self::parse(page_map::shown_above(request.uri().path())?)
        }
    }

    /// True if it can be opened by a link, which not every path can that takes a form.
    fn is_page(&self) -> bool {
        let path = self.0.split('?').next().unwrap_or_default();
        page_map::is_shown(path) || !page_map::is_page(path)
    }

    /// Text of the path.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Text of the path, encoded as the value of a query parameter.
    pub(super) fn encoded(&self) -> String {
        form_urlencoded::byte_serialize(self.0.as_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_this_site_is_one() {
        for path in ["/", "/tasks", "/tasks/01a2?filter=open&q=a%20b", "/account"] {
            assert_eq!(OwnPath::parse(path).unwrap().as_str(), path);
        }
        assert_eq!(OwnPath::parse("/tasks?q=a").unwrap().encoded(), "%2Ftasks%3Fq%3Da");
    }

    #[test]
    fn what_leads_elsewhere_is_none() {
        let long = format!("/{}", "a".repeat(512));
        for text in [
            "",
            "tasks",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "https://evil.example",
            "https:/evil.example",
            "javascript:alert(1)",
            "http://own.invalid/tasks",
            "/..//evil.example",
            "/tasks#there",
            "/tasks/../account",
            &long,
        ] {
            assert_eq!(OwnPath::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn next_is_read_from_the_query() {
        let next = |uri: &'static str| {
            let request = Request::builder().uri(uri.parse().unwrap()).finish();
            OwnPath::next_of(&request).map(|path| path.0)
        };
        assert_eq!(next("/login?next=%2Ftasks%3Fq%3Da"), Some("/tasks?q=a".to_owned()));
        assert_eq!(next("/login?next=%2F%2Fevil.example"), None);
        assert_eq!(next("/login?then=/tasks"), None);
        assert_eq!(next("/login?next=%2Fsignout"), None);
        assert_eq!(next("/login"), None);
    }
}
