//! `Idempotency-Key`: a repeated request is carried out once (draft-ietf-httpapi-idempotency-key-header).

use std::fmt;

use poem::http::HeaderName;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;

/// Name of the header, which `#[oai(name = "…")]` of the argument repeats.
const NAME: &str = "Idempotency-Key";
static HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Most characters of a key.
const MAX_CHARACTERS: usize = 255;

/// The key that a client gave a request, if it gave one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaybeIdempotencyKey(pub Option<IdempotencyKey>);

/// The key that a client gave a request: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The key as text, without its quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the key of a request. Two keys are refused: they would have two answers.
    fn of(request: &Request) -> Result<Option<Self>, Problem> {
        let mut values = request.headers().get_all(&HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Problem::field(NAME, Flaw::Duplicate, "must be sent once"));
        }
        Self::parse(value.as_bytes()).map(Some)
    }

    fn parse(value: &[u8]) -> Result<Self, Problem> {
        let refused = |flaw, message: &str| Err(Problem::field(NAME, flaw, message));
        let value = value.trim_ascii();
        let key = match value.strip_prefix(b"\"") {
            Some(rest) => quoted(rest),
            None => bare(value),
        };
        match key {
            None => refused(
                Flaw::Invalid,
                "must be visible ASCII characters in double quotes, such as \"3f0c9d2e\"",
            ),
            Some(key) if key.is_empty() => refused(Flaw::Empty, "must not be empty"),
            Some(key) if key.len() > MAX_CHARACTERS => {
                refused(Flaw::TooLong, "must have at most 255 characters")
            }
            Some(key) => Ok(Self(key.into())),
        }
    }
}

/// Reads the rest of a string after its opening quote (RFC 9651, section 3.3.3); spaces are no visible characters.
fn quoted(rest: &[u8]) -> Option<String> {
    let mut key = String::new();
    let mut bytes = rest.strip_suffix(b"\"")?.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => key.push(char::from(*bytes.next().filter(|byte| b"\"\\".contains(byte))?)),
            b'"' | 0..=0x20 | 0x7f.. => return None,
            0x21..=0x7e => key.push(char::from(*byte)),
        }
    }
    Some(key)
}

/// Reads a key without quotes, as many clients send it. Characters with a meaning in a structured field are refused.
fn bare(value: &[u8]) -> Option<String> {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\,;".contains(byte);
    let is_key = value.iter().all(is_plain);
    is_key.then(|| value.iter().copied().map(char::from).collect())
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl MaybeIdempotencyKey {
    /// Reads the key of a request, if it has one.
    ///
    /// # Errors
    ///
    /// If it cannot be a key, or there are two.
    pub(crate) fn of(request: &Request) -> Result<Self, Problem> {
        IdempotencyKey::of(request).map(Self)
    }
}

/// Returns true if a request has a key, valid or not.
pub(super) fn is_sent(request: &Request) -> bool {
    request.headers().contains_key(&HEADER)
}

impl<'a> ApiExtractor<'a> for MaybeIdempotencyKey {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    /// Schema of the key as it is sent: in quotes, and each character may need an escape.
    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let (min_length, max_length) = (Some(1), Some(2 * MAX_CHARACTERS + 2));
        let schema = MetaSchema { min_length, max_length, ..MetaSchema::new("string") };
        Some(MetaSchemaRef::Inline(Box::new(schema)))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<String>,
    ) -> poem::Result<Self> {
        debug_assert_eq!(options.name, NAME, "the document names the header");
        Ok(Self::of(request)?)
    }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn sent(values: &[&[u8]]) -> Result<Option<String>, Problem> {
        let mut request = Request::builder().finish();
        for value in values {
            request.headers_mut().append(&HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        IdempotencyKey::of(&request).map(|key| key.map(|key| key.to_string()))
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        assert_eq!(sent(&[]), Ok(None));
        let key = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        for value in [key.to_owned(), format!("\"{key}\""), format!(" \"{key}\" ")] {
            assert_eq!(sent(&[value.as_bytes()]), Ok(Some(key.to_owned())), "{value}");
        }
        assert_eq!(sent(&[b"a/b+c=="]), Ok(Some("a/b+c==".to_owned())));
        assert_eq!(sent(&[br#""a\"b\\c,;""#]), Ok(Some(r#"a"b\c,;"#.to_owned())));
    }

    #[test]
    fn a_key_has_1_to_255_characters() {
        let key = |length| "x".repeat(length);
        assert_eq!(sent(&[key(255).as_bytes()]), Ok(Some(key(255))));
        let refused = |flaw, message| Err(Problem::field(NAME, flaw, message));
        let too_long = refused(Flaw::TooLong, "must have at most 255 characters");
        assert_eq!(sent(&[key(256).as_bytes()]), too_long);
        let empty = refused(Flaw::Empty, "must not be empty");
        assert_eq!(sent(&[b""]), empty);
        assert_eq!(sent(&[b"\"\""]), empty);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let message = "must be visible ASCII characters in double quotes, such as \"3f0c9d2e\"";
        let invalid = Err(Problem::field(NAME, Flaw::Invalid, message));
        let wrong: [&[u8]; 12] = [
            b"\"",
            b"\"a",
            b"a\"",
            b"\"a\"b\"",
            b"\"a\";b",
            b"a b",
            b"\"a b\"",
            b"a,b",
            b"\"a\\b\"",
            b"\"a\\\"",
            b"\xe9",
            b"\"\xe9\"",
        ];
        for value in wrong {
            assert_eq!(sent(&[value]), invalid, "{}", value.escape_ascii());
        }
        let twice = Err(Problem::field(NAME, Flaw::Duplicate, "must be sent once"));
        assert_eq!(sent(&[b"a", b"a"]), twice);
    }
}
