//! Email addresses: one mailbox, one spelling.
//!
//! # Design
//!
//! The address of one mailbox is written in many ways: in capitals, in full-width letters, in quotes, with a domain in its
//! own script or as DNS has it (`xn--`), with an invisible character pasted along. All of them are turned into one normal
//! form, by which an account is found and which is shown:
//!
//! * Ignorable characters are dropped, compatibility characters are replaced (NFKC), letters become lower case. Servers may
//!   tell case apart in the part before the `@` (RFC 5321, section 2.4); none in common use does.
//! * Quotes stay only where the part before the `@` needs them (RFC 5322, section 3.4.1).
//! * The domain is mapped as browsers do (UTS 46, non-transitional), and shown in its own script.
//!
//! Invariant: the normal form is its own normal form. A text that has none is no address.

use std::fmt;

use email_address::{EmailAddress, Options};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::base::text::{is_ignorable, trimmed};

/// Longest address that fits into SMTP's path (RFC 5321, section 4.5.3.1.3), in bytes.
const MAX_LENGTH: usize = 254;

/// Longest part before the `@` (RFC 5321, section 4.5.3.1.1), in bytes.
const MAX_LOCAL_LENGTH: usize = 64;

/// Longest text that is parsed, in bytes: an address may be written in several times the bytes of its normal form.
const LONGEST_SPELLING: usize = 8 * MAX_LENGTH;

/// An email address in its normal form: two spellings of one mailbox are one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

/// The text is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an email address such as ada@example.com")]
pub struct InvalidEmail;

impl Email {
    /// Parses a text as an address; blanks around it are dropped.
    ///
    /// # Errors
    ///
    /// If the text is not an address with a domain that has a dot.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let normal = normal(text).ok_or(InvalidEmail)?;
        let is_fixed = self::normal(&normal).as_ref() == Some(&normal);
        if is_fixed { Ok(Self(normal)) } else { Err(InvalidEmail) }
    }

    /// The address in its normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Normal form of an address; none if the text is no address.
fn normal(text: &str) -> Option<String> {
    let text = Some(trimmed(text)).filter(|text| text.len() <= LONGEST_SPELLING)?;
    let text = folded(text);
    let (local, domain) = text.rsplit_once('@')?;
    let local = unquoted(local)?;
    let names = Uts46::new();
    let domain = names.to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Verify,
    );
    let domain = domain.ok()?;
    if !is_address(&local, &domain) {
        return None;
    }
    let (shown, _) =
        names.to_unicode(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    Some(format!("{local}@{shown}"))
}

/// Folds a text to the form in which its letters are compared.
fn folded(text: &str) -> String {
    let seen = text.chars().filter(|character| !is_ignorable(*character));
    let lower = seen.nfkc().flat_map(char::to_lowercase);
    // Another form of the same letter, at the end of a word.
    lower.map(|letter| if letter == 'ς' { 'σ' } else { letter }).nfkc().collect()
}

/// Returns the part before the `@` without quotes that it does not need.
fn unquoted(local: &str) -> Option<String> {
    let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Some(local.to_owned());
    };
    let mut content = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => content.push(characters.next()?),
            '"' => return None,
            other => content.push(other),
        }
    }
    // The grammar decides if it is an address without quotes; any domain will do.
    if is_address(&content, "example.com") {
        return Some(content);
    }
    let escaped = content.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("\"{escaped}\""))
}

/// Returns true for an address by the grammar of RFC 5321, section 4.1.2.
fn is_address(local: &str, domain: &str) -> bool {
    // Of other scripts, every letter and mark is welcome (RFC 6532, section 3.2).
    let is_sane = |character: char| {
        character == ' ' || !(character.is_control() || character.is_whitespace())
    };
    let letters: String =
        local.chars().map(|character| if character.is_ascii() { character } else { 'a' }).collect();
    let options =
        Options::default().with_required_tld().without_domain_literal().without_display_text();
    let top = domain.rsplit('.').next().unwrap_or_default();
    local.chars().all(is_sane)
        && local.len() <= MAX_LOCAL_LENGTH
        && local.len() + 1 + domain.len() <= MAX_LENGTH
        // An address of the network is no domain (RFC 3696, section 2).
        && !top.bytes().all(|byte| byte.is_ascii_digit())
        && EmailAddress::parse_with_options(&format!("{letters}@{domain}"), options).is_ok()
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
        for (address, spellings) in [
            (
                "ada@example.com",
                &[
                    " Ada@Example.COM ",
                    "\"ada\"@example.com",
                    "\"\\a\\da\"@example.com",
                    "ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ",
                    "ada@example。com",
                    "a\u{200b}da@exam\u{ad}ple.com",
                    "\u{feff}ada@example.com\u{2060}",
                    "𝐚𝐝𝐚@example.com",
                ][..],
            ),
            ("ada+tag@mail.example.com", &["Ada+Tag@mail.example.com"]),
            ("žofie@příklad.cz", &["ŽOFIE@PŘÍKLAD.CZ", "z\u{30c}ofie@xn--pklad-zsa96e.cz"]),
            ("ada@bücher.example", &["ada@xn--bcher-kva.example", "ada@BU\u{308}CHER.example"]),
            ("i\u{307}da@example.com", &["İda@example.com"]),
            ("οδοσ@παράδειγμα.ελ", &["ΟΔΟΣ@παράδειγμα.ελ", "οδος@ΠΑΡΆΔΕΙΓΜΑ.ΕΛ"]),
            ("ｶ@example.com".nfkc().collect::<String>().as_str(), &["ｶ@example.com"]),
            ("दीपक्@example.com", &["दीपक्@example.com"]),
            ("\"ada lovelace\"@example.com", &["\"Ada\\ Lovelace\"@example.com"]),
            ("\"a\\\"b\\\\\"@example.com", &["\"\\A\\\"\\b\\\\\"@Example.com"]),
        ] {
            for spelling in spellings.iter().chain([&address]) {
                let parsed = Email::parse(spelling).map(|email| email.0);
                assert_eq!(parsed.as_deref(), Ok(address), "{spelling:?}");
            }
        }
    }

    #[test]
    fn mailboxes_that_differ_are_different_addresses() {
        for (one, other) in [
            ("strasse@example.com", "straße@example.com"),
            ("ada@strasse.example", "ada@straße.example"),
            ("zofie@example.com", "žofie@example.com"),
            ("a.da@example.com", "ada@example.com"),
            ("ada+tag@example.com", "ada@example.com"),
        ] {
            assert_ne!(Email::parse(one).unwrap(), Email::parse(other).unwrap());
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(250));
        let long_domain = format!("ada@{}", "a.".repeat(126) + "com");
        let huge = format!("a{}da@example.com", "\u{200b}".repeat(1_000));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a b@example.com",
            "a\u{2003}b@example.com",
            "ada@example.com\0",
            "ada\u{85}b@example.com",
            "ada@example.com.",
            "ada@-example.com",
            "ada@exa_mple.com",
            "ada@127.0.0.1",
            "ada@１２７.0.0.１",
            "ada@xn--a.example",
            "ada@exam\u{2028}ple.com",
            ".ada@example.com",
            "a..da@example.com",
            "\"\"@example.com",
            "\"a\"b\"@example.com",
            "\"ada\\\"@example.com",
            "Ada <ada@example.com>",
            "ada@[127.0.0.1]",
            "ada@example.com, bob@example.com",
            &long,
            &long_domain,
            &huge,
        ] {
            assert_eq!(Email::parse(text), Err(InvalidEmail), "{text:?}");
        }
    }
}
