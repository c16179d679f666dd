//! Text output of the benchmarks, and unique names.

use std::io::Write;

/// A unique name.
pub fn fresh_name() -> String {
    keyfold::base::id::Id::<()>::generate(&keyfold::base::clock::Clock::system()).to_string()
}

/// Prints text and flushes standard output.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Inserts thousands separators into the digits of a whole number.
pub fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
