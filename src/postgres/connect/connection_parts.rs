//! Cuts the settings that Keyfold reads itself out of a connection string.
//!
//! The rest stays as it was written, for the driver to parse. Settings are located here in the order in which the driver
//! locates them, so both always agree on what belongs to a password.

/// Settings that Keyfold reads itself, and the string without them.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Remainder of the string, which the driver parses.
    pub(super) rest: String,
    /// Value of `sslmode`: the driver knows only three of libpq's six.
    pub(super) sslmode: Option<String>,
    /// Value of `sslrootcert`, which the driver does not know.
    pub(super) sslrootcert: Option<String>,
    /// Value of `options`, which sessions get by statements instead of the startup packet.
    pub(super) options: Option<String>,
}

impl Parts {
    /// Divides a URL or a list of `key=value` settings; `None` if it is neither.
    pub(super) fn of(text: &str) -> Option<Self> {
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if is_url { Some(Self::of_url(text)) } else { Self::of_settings(text) }
    }

    fn of_url(url: &str) -> Self {
        // A `?` before the first `@` belongs to the password.
        let after_credentials = url.find('@').map_or(0, |at| at + 1);
        let tail = url.get(after_credentials..).unwrap_or_default();
        let mut parts = Self::default();
        let Some(mark) = tail.find('?').map(|mark| after_credentials + mark) else {
            url.clone_into(&mut parts.rest);
            return parts;
        };
        let (address, query) = url.split_at(mark);
        let is_kept = |pair: &&str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            !parts.take(&percent_decoded(key), &percent_decoded(value))
        };
        let kept: Vec<&str> = query.trim_start_matches('?').split('&').filter(is_kept).collect();
        parts.rest = [address, &kept.join("&")].join(if kept.is_empty() { "" } else { "?" });
        parts
    }

    fn of_settings(text: &str) -> Option<Self> {
        let mut parts = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let (value, next) = after.split_at(value_length(after));
            if !parts.take(key.trim_end(), &unquoted(value)) {
                parts.rest.extend([key.trim_end(), "=", value, " "]);
            }
            rest = next.trim_start();
        }
        Some(parts)
    }

    /// Stores a setting that Keyfold reads; `false` if it is the driver's.
    fn take(&mut self, key: &str, value: &str) -> bool {
        match key {
            "sslmode" => self.sslmode = Some(value.to_owned()),
            "sslrootcert" => self.sslrootcert = Some(value.to_owned()),
            "options" => self.options = Some(value.to_owned()),
            _ => return false,
        }
        true
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let decoded =
            hex.filter(|_| first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = decoded.and_then(|_| after.get(2..)).unwrap_or(after);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Length of a value in bytes: up to the closing quote, or up to white space.
fn value_length(text: &str) -> usize {
    let quoted = text.starts_with('\'');
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(usize::from(quoted)) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if quoted => return index + 1,
            _ if !quoted && character.is_whitespace() => return index,
            _ => {}
        }
    }
    text.len()
}

fn unquoted(value: &str) -> String {
    let inner =
        value.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')).unwrap_or(value);
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_here_is_not_touched() {
        for text in ["postgres://u:%40@h,i:1/d?a=%20&b", "postgres://h", "postgres://u:a?b@h/d"] {
            assert_eq!(Parts::of(text).unwrap().rest, text);
        }
        let parts = Parts::of("postgres://h/d?sslmode=x&a=b&sslrootcert=y&c=d").unwrap();
        assert_eq!(parts.rest, "postgres://h/d?a=b&c=d");
        assert_eq!(Parts::of("postgres://h/d?sslmode=x").unwrap().rest, "postgres://h/d");
    }

    #[test]
    fn values_are_decoded_as_libpq_does() {
        assert_eq!(percent_decoded("a%20b+c%2"), "a b+c%2");
        assert_eq!(percent_decoded("%C3%A9%zz%é"), "é%zz%é");
        assert_eq!(unquoted(r"'it\'s \\ here'"), r"it's \ here");
        assert_eq!(unquoted(r"a\ b"), "a b");
    }

    #[test]
    fn a_quoted_value_ends_at_its_closing_quote() {
        assert_eq!(value_length(r"'a \' b' c=d"), r"'a \' b'".len());
        assert_eq!(value_length("a b"), 1);
        assert_eq!(value_length("'open"), 5);
    }
}
