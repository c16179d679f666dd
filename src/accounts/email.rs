//! Email addresses.

use std::fmt;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};

/// Longest address that fits into SMTP's path (RFC 5321, section 4.5.3.1.3).
const MAX_LENGTH: usize = 254;

/// An email address, in lower case: two spellings of one mailbox are one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

/// The text is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an email address such as ada@example.com")]
pub struct InvalidEmail;

impl Email {
    /// The text as an address; spaces around it are dropped.
    ///
    /// # Errors
    ///
    /// When it is not an address with a domain that has a dot.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let options =
            Options::default().with_required_tld().without_domain_literal().without_display_text();
        if text.len() > MAX_LENGTH || EmailAddress::parse_with_options(text, options).is_err() {
            return Err(InvalidEmail);
        }
        Ok(Self(text.to_lowercase()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_mailbox_are_one_address() {
        assert_eq!(Email::parse(" Ada@Example.COM ").unwrap().as_str(), "ada@example.com");
        assert_eq!(
            Email::parse("ada+tag@mail.example.com").unwrap().as_str(),
            "ada+tag@mail.example.com"
        );
        assert_eq!(Email::parse("žofie@příklad.cz").unwrap().as_str(), "žofie@příklad.cz");
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(250));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a b@example.com",
            "ada@example.com\0",
            &long,
        ] {
            assert_eq!(Email::parse(text), Err(InvalidEmail), "{text:?}");
        }
        for text in ["Ada <ada@example.com>", "ada@[127.0.0.1]", "ada@example.com, bob@example.com"]
        {
            assert_eq!(Email::parse(text), Err(InvalidEmail), "{text:?}");
        }
    }
}
