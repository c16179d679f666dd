//! Lists of `key=value`, for resource attributes and headers: separated by commas, percent-encoded (RFC 3986, section 2.1).
//! Errors repeat no part of a list, since headers are secrets.

use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE,
};

use crate::config::read::error::InvalidValue;

/// Headers that the exporter sets itself.
const OWN: [HeaderName; 8] = [
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HOST,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Attributes of a resource.
pub(super) fn attributes(list: &str) -> Result<Vec<(String, String)>, InvalidValue> {
    parse(list)?.map(|(key, value)| Ok((decode(key)?, decode(value)?))).collect()
}

/// Headers, with values that `Debug` hides.
pub(super) fn headers(list: &str) -> Result<Vec<(HeaderName, HeaderValue)>, InvalidValue> {
    parse(list)?.map(|(key, value)| header(key, &decode(value)?)).collect()
}

fn header(key: &str, value: &str) -> Result<(HeaderName, HeaderValue), InvalidValue> {
    let name = HeaderName::try_from(key).map_err(|_| wrong("a key that is no header's name"))?;
    if OWN.contains(&name) {
        return Err(wrong(&format!("`{name}`, which is the exporter's own")));
    }
    let mut value =
        HeaderValue::try_from(value).map_err(|_| wrong("a value that no header can have"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Parts of a list, still encoded. Empty ones are skipped.
fn parse(list: &str) -> Result<impl Iterator<Item = (&str, &str)>, InvalidValue> {
    let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pairs = parts.map(|part| {
        let (key, value) = part.split_once('=').ok_or_else(|| wrong("a part without `=`"))?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() { Err(wrong("a part without a key")) } else { Ok((key, value)) }
    });
    Ok(pairs.collect::<Result<Vec<_>, _>>()?.into_iter())
}

fn decode(text: &str) -> Result<String, InvalidValue> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let (decoded, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => (byte(*high, *low)?, after),
            (b'%', _) => return Err(not_hexadecimal()),
            (other, after) => (*other, after),
        };
        bytes.push(decoded);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| wrong("a part that is not UTF-8 when it is decoded"))
}

fn byte(high: u8, low: u8) -> Result<u8, InvalidValue> {
    let digit = |digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (high, low) = digit(high).zip(digit(low)).ok_or_else(not_hexadecimal)?;
    Ok(high * 16 + low)
}

fn not_hexadecimal() -> InvalidValue {
    wrong("a `%` without two hexadecimal digits")
}

fn wrong(part: &str) -> InvalidValue {
    InvalidValue::new(
        format!("contains {part}"),
        "key=value pairs separated by commas, percent-encoded",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_decoded() {
        let expected = [
            ("service.name", "keyfold of Ada, Grace"),
            ("team", "größe=1"),
            ("empty", ""),
            ("base64", "SGk=="),
            ("a,b", "+"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let list = " service.name = keyfold of Ada%2c Grace,,team=gr%C3%B6%C3%9fe%3D1,empty=,base64=SGk==,a%2Cb=+,";
        assert_eq!(attributes(list), Ok(expected.to_vec()));
    }

    #[test]
    fn a_list_with_a_wrong_part_is_wrong_as_a_whole_and_not_repeated() {
        for (list, said) in [
            ("a=1,swordfish", "a part without `=`"),
            ("a=1,=swordfish", "a part without a key"),
            ("a=swordfish%", "a `%` without two hexadecimal digits"),
            ("a=swordfish%2", "a `%` without two hexadecimal digits"),
            ("a=swordfish%2g", "a `%` without two hexadecimal digits"),
            ("swordfish%zz=1", "a `%` without two hexadecimal digits"),
            ("a=swordfish%ff", "a part that is not UTF-8 when it is decoded"),
        ] {
            let expected = "expected key=value pairs separated by commas, percent-encoded";
            let error = attributes(list).unwrap_err().to_string();
            assert_eq!(error, format!("contains {said}; {expected}"), "{list}");
        }
    }

    #[test]
    fn headers_are_decoded_and_not_shown() {
        let read = headers("Authorization=Bearer%20swordfish, x-tenant=ada,x-empty=").unwrap();
        let shown: Vec<_> =
            read.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            shown,
            [("authorization", "Bearer swordfish"), ("x-tenant", "ada"), ("x-empty", "")]
        );
        assert!(!format!("{read:?}").contains("swordfish"));
    }

    #[test]
    fn headers_that_cannot_be_sent_are_wrong_and_not_repeated() {
        for (list, said) in [
            ("sword fish=1", "contains a key that is no header's name"),
            ("a=swordfish%0d%0ab: c", "contains a value that no header can have"),
            ("Content-Type=swordfish", "contains `content-type`, which is the exporter's own"),
            ("host=swordfish", "contains `host`, which is the exporter's own"),
        ] {
            assert_eq!(headers(list).unwrap_err().wrong, said, "{list}");
        }
    }
}
