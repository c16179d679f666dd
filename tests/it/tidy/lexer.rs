//! Just enough of Rust's grammar to tell code from comments and string literals.

/// The code of a text without its comments and literals, and its string literals.
pub(super) fn split(text: &str) -> (String, Vec<String>) {
    let (mut code, mut strings) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some((content, length)) = raw_string(rest).or_else(|| string(rest)) {
            strings.push(content.to_owned());
            length
        } else if let Some(length) = character(rest) {
            length
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    (code, strings)
}

/// Content and length of the literal in quotes at the beginning of a text.
fn string(text: &str) -> Option<(&str, usize)> {
    let content = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = content.find(|character| {
        let is_end = character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_end
    })?;
    Some((&content[..end], end + 2))
}

/// As [`string`], for a raw literal.
fn raw_string(text: &str) -> Option<(&str, usize)> {
    let after_r = text.strip_prefix('r')?;
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let content = after_r[hashes..].strip_prefix('"')?;
    let end = content.find(&format!("\"{}", "#".repeat(hashes)))?;
    Some((&content[..end], 1 + hashes + 1 + end + 1 + hashes))
}

/// Length of the character literal at the beginning of a text, which a lifetime is not.
fn character(text: &str) -> Option<usize> {
    let content = text.strip_prefix('\'')?;
    let first = content.chars().next()?;
    let length = if first == '\\' { 2 } else { first.len_utf8() };
    let end = content.get(length..)?.find('\'')?;
    (end == 0 || first == '\\').then_some(1 + length + end + 1)
}

#[test]
fn code_is_told_from_comments_and_literals() {
    let text = concat!(
        "use a; // \"not a string\"\n",
        r#"/* nor "this" */ let quote: &'static str = "a \"quoted\" // word"; let c = '"'; "#,
        r##"let escaped = ['\'', '\u{1b}', '\\']; let raw = r#"say "no""#; let last = b"bytes";"##,
    );
    let (code, strings) = split(text);
    assert_eq!(strings, [r#"a \"quoted\" // word"#, "say \"no\"", "bytes"]);
    let words: Vec<_> = code.split_whitespace().collect();
    let expected = "use a; let quote: &'static str = ; let c = ; let escaped = [, , ]; let raw = ; let last = b;";
    assert_eq!(words.join(" "), expected);
}
