//! Fields of text log lines, and the request in which the line was written.

use std::error::Error;
use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::telemetry::spans::trace_context::Trace;

/// Formatter that writes fields as `name=value`, and the message without its name.
pub(crate) struct TextFields;

impl<'w> FormatFields<'w> for TextFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = ForPeople { writer, is_first: true, result: Ok(()) };
        fields.record(&mut visitor);
        if let Some(trace) = Trace::current() {
            if let Some(operation) = trace.operation {
                visitor.write("operation", |writer| writer.write_str(operation));
            }
            visitor.write("trace_id", |writer| write!(writer, "{}", trace.id));
        }
        visitor.result
    }
}

struct ForPeople<'w> {
    /// Output of the line.
    writer: Writer<'w>,
    /// True until the first field is written, which gets no space before it.
    is_first: bool,
    /// First error, after which nothing more is written.
    result: fmt::Result,
}

impl<'w> ForPeople<'w> {
    fn write(&mut self, name: &str, value: impl FnOnce(&mut Writer<'w>) -> fmt::Result) {
        // These fields are the source location of a library that uses `log`; the target stands before the fields.
        let is_origin = name.starts_with("log.");
        if self.result.is_ok() && !is_origin {
            self.result = self.begin(name).and_then(|()| value(&mut self.writer));
        }
    }

    fn begin(&mut self, name: &str) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(' ')?;
        }
        match name {
            "message" => Ok(()),
            // Names in italics and faint signs, if the output has colours.
            name if self.writer.has_ansi_escapes() => {
                write!(self.writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m")
            }
            name => {
                self.writer.write_str(name)?;
                self.writer.write_char('=')
            }
        }
    }
}

impl Visit for ForPeople<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field.name(), |writer| Escaped(writer).write_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.write(field.name(), |writer| write!(Escaped(writer), "{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field.name(), |writer| write!(Escaped(writer), "{value:?}"));
    }
}

/// Escapes control characters as `\u{1b}` and the like: text from clients must not steer a terminal or forge a line.
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(char::is_control) {
            let (plain, from_control) = rest.split_at(at);
            self.0.write_str(plain)?;
            let mut characters = from_control.chars();
            if let Some(control) = characters.next() {
                write!(self.0, "{}", control.escape_default())?;
            }
            rest = characters.as_str();
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_as_what_they_are() {
        let mut text = String::new();
        write!(Escaped(&mut Writer::new(&mut text)), "a\u{1b}[31m\nb é").unwrap();
        assert_eq!(text, "a\\u{1b}[31m\\nb é");
    }
}
