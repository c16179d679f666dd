//! How far a long command has come: a bar with the rate and the time left on a terminal, a line now and then elsewhere.
//!
//! Both go to standard error, so that what a command prints stays what it is.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

const BAR: &str = "{bar:30} {human_pos} of {human_len} {msg}, {per_sec}, {eta} left";

/// Elsewhere a line is written after each tenth, but not for fewer than so many.
const FEWEST: u64 = 1_000;

/// How far a command has come.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    /// A line was written at this place.
    Lines(u64),
}

impl Progress {
    /// Nothing is done yet.
    pub(super) fn of(what: &'static str) -> Self {
        let shown = if std::io::stderr().is_terminal() {
            // The template is a constant, which a test has looked at.
            let style =
                ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
            Shown::Bar(ProgressBar::new(0).with_style(style).with_message(what))
        } else {
            Shown::Lines(0)
        };
        Self { what, shown }
    }

    /// So many are done of so many, as far as is known.
    pub(super) fn at(&mut self, done: u64, all: u64) {
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_length(all);
                bar.set_position(done);
            }
            Shown::Lines(told) => {
                if done - (*told).min(done) >= FEWEST.max(all / 10) {
                    *told = done;
                    super::complain(&format!("{done} of {all} {}", self.what));
                }
            }
        }
    }

    /// Says something beside.
    pub(super) fn say(&self, text: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| super::complain(text)),
            Shown::Lines(_) => super::complain(text),
        }
    }
}

/// The bar is gone when the command has come to its end, whichever.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
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
