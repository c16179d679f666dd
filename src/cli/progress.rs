//! Progress of a long command: on a terminal a bar with the rate and the time left, elsewhere a line now and then.
//!
//! Both go to standard error, so that standard output has only the result.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

const BAR: &str = "{bar:30} {human_pos} of {human_len} {msg}, {per_sec}, {eta} left";

/// Elsewhere a line is written after each tenth, but after at least this many items.
const FEWEST: u64 = 1_000;

/// Progress of one command.
#[derive(Debug)]
pub(super) struct ProgressLine {
    /// Name of the items that are counted.
    what: &'static str,
    /// Form of the output, by the kind of standard error.
    shown: ProgressForm,
}

/// Form of the output.
#[derive(Debug)]
enum ProgressForm {
    Bar(ProgressBar),
    /// Lines; the count at the last one.
    Lines(u64),
}

impl ProgressLine {
    /// Begins at zero items.
    pub(super) fn of(what: &'static str) -> Self {
        let shown = if std::io::stderr().is_terminal() {
            // The template is a constant, which a test has looked at.
            let style =
                ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressForm::Bar(ProgressBar::new(0).with_style(style).with_message(what))
        } else {
            ProgressForm::Lines(0)
        };
        Self { what, shown }
    }

    /// Shows that `done` of `all` items are done, as far as is known.
    pub(super) fn at(&mut self, done: u64, all: u64) {
        match &mut self.shown {
            ProgressForm::Bar(bar) => {
                bar.set_length(all);
                bar.set_position(done);
            }
            ProgressForm::Lines(told) => {
                if done - (*told).min(done) >= FEWEST.max(all / 10) {
                    *told = done;
                    super::complain(&format!("{done} of {all} {}", self.what));
                }
            }
        }
    }

    /// Writes a message without disturbing the bar.
    pub(super) fn say(&self, text: &str) {
        match &self.shown {
            ProgressForm::Bar(bar) => bar.suspend(|| super::complain(text)),
            ProgressForm::Lines(_) => super::complain(text),
        }
    }
}

/// Removes the bar once the command has ended, by whichever outcome.
impl Drop for ProgressLine {
    fn drop(&mut self) {
        if let ProgressForm::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_drawn() {
        ProgressStyle::with_template(BAR).unwrap();
    }
}
