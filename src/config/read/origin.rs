//! Origin of a web page: scheme, host and port, as browsers write it into the `Origin` header.
//!
//! Invariant: an [`Origin`] is normalised as a browser would (lower case, no default port, no trailing slash), so
//! comparing it with a header is comparing text.

use std::fmt;

use super::error::InvalidValue;
use super::parse::server_url;

const EXPECTED: &str =
    "origins separated by commas, such as https://app.example.com or http://localhost:3000";

/// Scheme, host and perhaps a port, in normal form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// Parses and normalises an origin.
    ///
    /// # Errors
    /// Fails if it is not `http` or `https` with a host and nothing after it.
    pub fn parse(value: &str) -> Result<Self, InvalidValue> {
        if value.trim() == "*" {
            let wrong = "contains `*`, which cannot be allowed because requests carry credentials";
            return Err(InvalidValue::new(wrong, EXPECTED));
        }
        server_url(value, &["http", "https"])
            .map(|url| Self(url.origin().ascii_serialization()))
            .map_err(|wrong| {
                InvalidValue::new(format!("contains an origin that {wrong}"), EXPECTED)
            })
    }

    /// Text of the `Origin` header that browsers send for it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Origins separated by commas, each once, in the order given.
pub(crate) fn parse_list(value: &str) -> Result<Vec<Origin>, InvalidValue> {
    let mut origins = Vec::new();
    for part in value.split(',').filter(|part| !part.trim().is_empty()) {
        let origin = Origin::parse(part)?;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(origins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_normalised_as_browsers_write_it() {
        let cases = [
            ("http://localhost:3000", "http://localhost:3000"),
            ("HTTPS://App.Example.COM:443/", "https://app.example.com"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ];
        for (value, expected) in cases {
            assert_eq!(Origin::parse(value).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn anything_but_scheme_host_and_port_is_refused() {
        let refused = [
            "null",
            "localhost:3000",
            "example.com",
            "https://",
            "ftp://example.com",
            "https://a.example/app",
            "https://a.example?q",
            "https://a.example#f",
            "https://ada:pw@a.example",
        ];
        for value in refused {
            let error = Origin::parse(value).unwrap_err();
            assert!(!error.to_string().contains("ada:pw"), "{error}");
        }
    }

    #[test]
    fn a_star_is_refused_because_credentials_are_allowed() {
        let error = parse_list("https://a.example, *").unwrap_err().to_string();
        assert!(error.contains("`*`") && error.contains("credentials"), "{error}");
    }

    #[test]
    fn a_list_keeps_each_origin_once_in_the_order_given() {
        let origins =
            parse_list(" https://b.example,http://a.example:80/ ,,https://b.example:443").unwrap();
        let texts: Vec<_> = origins.iter().map(Origin::as_str).collect();
        assert_eq!(texts, ["https://b.example", "http://a.example"]);
    }
}
