//! `If-Match`: a change is made only to the version that the client has seen (RFC 9110, section 13.1.1).

use std::str::FromStr;

use poem::http::{HeaderValue, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::http::response::etag;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;

/// Name of the header, which `#[oai(name = "…")]` of the argument repeats.
const NAME: &str = "If-Match";

/// Most entity tags that a header may list.
const MAX_TAGS: usize = 32;

/// Condition of `If-Match` on the resource that a request changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// No condition: the header was not sent.
    None,
    /// The resource exists (`*`).
    Any,
    /// Its entity tag is one of these. Weak ones are left out: they never match (strong comparison).
    Tags(Vec<String>),
}

impl IfMatch {
    /// Returns true if a resource with this entity tag fulfils the condition.
    pub fn allows(&self, current: &str) -> bool {
        match self {
            Self::None | Self::Any => true,
            Self::Tags(tags) => tags.iter().any(|tag| tag == current),
        }
    }

    /// As [`allows`](Self::allows), in versions of the resource: `None` without a condition. A tag that is no version's is left
    /// out and matches none.
    pub fn versions<V: FromStr>(&self) -> Option<Vec<V>> {
        match self {
            Self::None | Self::Any => None,
            Self::Tags(tags) => Some(tags.iter().filter_map(|tag| etag::version_of(tag)).collect()),
        }
    }

    /// Reads the condition of a request. Several headers count as one, in their order (RFC 9110, section 5.3).
    fn of(request: &Request) -> Result<Self, Problem> {
        let values = request.headers().get_all(header::IF_MATCH).iter();
        let values: Vec<_> = values.map(HeaderValue::as_bytes).collect();
        if values.is_empty() {
            return Ok(Self::None);
        }
        Self::parse(&values.join(&b','))
    }

    fn parse(value: &[u8]) -> Result<Self, Problem> {
        if value.trim_ascii() == b"*" {
            return Ok(Self::Any);
        }
        let tags = listed(value).ok_or_else(malformed)?;
        if tags.iter().all(Option::is_none) {
            return Err(Problem::field(NAME, Flaw::Invalid, WEAK));
        }
        if tags.len() > MAX_TAGS {
            let message = format!("must have at most {MAX_TAGS} entity tags");
            return Err(Problem::field(NAME, Flaw::TooMany, message));
        }
        Ok(Self::Tags(tags.into_iter().flatten().collect()))
    }
}

/// Message for weak tags alone, which would otherwise be refused as if the resource had changed.
const WEAK: &str = "has only weak entity tags, which never match (RFC 9110, section 13.1.1): send the version of the body \
                    in double quotes";

fn malformed() -> Problem {
    let message =
        "must be * or a list of entity tags such as \"7.Zk3x_9Qa\", in their double quotes";
    Problem::field(NAME, Flaw::Invalid, message)
}

/// Reads the entity tags of a list, with `None` for each weak one; `None` in all if it is no list or an empty one. Empty
/// elements do not count (RFC 9110, section 5.6.1.2). A comma may stand within a tag.
fn listed(mut rest: &[u8]) -> Option<Vec<Option<String>>> {
    let mut tags = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after;
        } else if rest.is_empty() {
            return (!tags.is_empty()).then_some(tags);
        } else {
            let (tag, after) = first(rest)?;
            tags.push(tag);
            rest = after.trim_ascii_start();
            if !rest.is_empty() && !rest.starts_with(b",") {
                return None;
            }
        }
    }
}

/// Splits a text into the entity tag at its begin and the rest.
fn first(text: &[u8]) -> Option<(Option<String>, &[u8])> {
    let (is_weak, text) = text.strip_prefix(b"W/").map_or((false, text), |strong| (true, strong));
    let opaque = text.strip_prefix(b"\"")?;
    let end = opaque.iter().position(|byte| *byte == b'"')?;
    let (opaque, after) = opaque.split_at_checked(end)?;
    if !opaque.iter().all(|byte| matches!(byte, 0x21..=0x7e | 0x80..)) {
        return None;
    }
    // Beyond ASCII each byte stands for itself: no tag of this server has such.
    let tag = || format!("\"{}\"", opaque.iter().copied().map(char::from).collect::<String>());
    let tag = || etag::uncompressed(tag());
    Some(((!is_weak).then(tag), after.strip_prefix(b"\"")?))
}

impl<'a> ApiExtractor<'a> for IfMatch {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
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
    use super::*;
    use crate::eventlog::Point;

    fn sent(values: &[&[u8]]) -> Result<IfMatch, Problem> {
        let mut request = Request::builder().finish();
        for value in values {
            let value = HeaderValue::from_bytes(value).unwrap();
            request.headers_mut().append(header::IF_MATCH, value);
        }
        IfMatch::of(&request)
    }

    fn tags(tags: &[&str]) -> IfMatch {
        IfMatch::Tags(tags.iter().map(|tag| (*tag).to_owned()).collect())
    }

    #[test]
    fn no_header_is_no_condition_and_a_star_demands_existence_only() {
        assert_eq!(sent(&[]), Ok(IfMatch::None));
        assert_eq!(sent(&[b" * "]), Ok(IfMatch::Any));
        for condition in [IfMatch::None, IfMatch::Any] {
            assert!(condition.allows("\"7\""));
            assert_eq!(condition.versions::<String>(), None);
        }
    }

    #[test]
    fn a_list_of_entity_tags_is_read_whatever_stands_in_them() {
        assert_eq!(sent(&[b"\"7\""]), Ok(tags(&["\"7\""])));
        assert_eq!(sent(&[b" ,, \"7\" ,\"8\",\t"]), Ok(tags(&["\"7\"", "\"8\""])));
        assert_eq!(sent(&[b"\"7\"", b"\"a,b\", \"\""]), Ok(tags(&["\"7\"", "\"a,b\"", "\"\""])));
        assert_eq!(sent(&[b"\"\xe9\""]), Ok(tags(&["\"é\""])));
    }

    #[test]
    fn a_weak_entity_tag_never_matches() {
        let weak = Err(Problem::field(NAME, Flaw::Invalid, WEAK));
        assert_eq!(sent(&[b"W/\"7\""]), weak);
        assert_eq!(sent(&[b"W/\"7\", W/\"8\""]), weak);
        assert_eq!(sent(&[b"W/\"7\", \"8\""]), Ok(tags(&["\"8\""])));
        assert!(!tags(&["\"7\""]).allows("W/\"7\""));
    }

    #[test]
    fn what_is_no_such_list_is_refused() {
        let malformed = Err(malformed());
        let wrong: [&[u8]; 13] = [
            b"",
            b" , ",
            b"7",
            b"\"7",
            b"7\"",
            b"\"7\" \"8\"",
            b"\"7\";\"8\"",
            b"w/\"7\"",
            b"W/7",
            b"*, \"7\"",
            b"**",
            b"\"a b\"",
            b"'7'",
        ];
        for value in wrong {
            assert_eq!(sent(&[value]), malformed, "{}", value.escape_ascii());
        }
        assert_eq!(sent(&[b"*", b"\"7\""]), malformed);
        let most = vec!["\"7\""; MAX_TAGS].join(",");
        assert!(sent(&[most.as_bytes()]).is_ok());
        let message = "must have at most 32 entity tags";
        let too_many = Problem::field(NAME, Flaw::TooMany, message);
        assert_eq!(sent(&[most.as_bytes(), b"W/\"8\""]), Err(too_many));
    }

    #[test]
    fn only_the_tag_of_a_version_demands_it() {
        let version = |text: &str| text.parse::<Point>().unwrap();
        let gzipped = sent(&[b"\"7.Zk3x_9Qa-gzip\""]).unwrap();
        assert_eq!(gzipped.versions(), Some(vec![version("7.Zk3x_9Qa")]), "of compressed bytes");
        let tags = b"\"7.Zk3x_9Qa\", \"7\", \"07.Zk3x_9Qa\", \"x\", W/\"8.Zk3x_9Qa\", \"0\"";
        let condition = sent(&[tags]).unwrap();
        let (seventh, other) = (version("7.Zk3x_9Qa"), version("7.Zk3x_9Qb"));
        assert_eq!(condition.versions(), Some(vec![seventh, Point::default()]));
        assert!(condition.allows(&etag::of_version(seventh)));
        assert!(!condition.allows(&etag::of_version(other)));
        assert_eq!(sent(&[b"\"x\""]).unwrap().versions::<Point>(), Some(Vec::new()));
    }
}
