//! Text that benchmarks print and names that they give.

use std::io::Write;

/// A name that nothing had before.
pub fn fresh_name() -> String {
    keyfold::base::id::Id::<()>::generate(&keyfold::base::clock::Clock::system()).to_string()
}

/// Prints at once.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// The digits of a whole number with its thousands set apart.
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
