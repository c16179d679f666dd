//! The file that PostgreSQL writes its messages to.
//!
//! Each start begins an empty log and keeps the previous one, so the two together stay small: the cluster is set up to log
//! only events of the server itself, not every refused statement.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Lines of the log that an error shows.
const LINES: usize = 20;

/// Opens a new log, keeping that of the previous run.
pub(super) fn open(path: &Path) -> io::Result<File> {
    match fs::rename(path, previous(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}

/// Last lines of a log file, as far as it can be read.
pub(super) fn tail(path: &Path) -> String {
    last_lines(&String::from_utf8_lossy(&fs::read(path).unwrap_or_default()))
}

/// Last lines of a text, for an error message.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
}

fn previous(path: &Path) -> PathBuf {
    path.with_extension("previous.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_text_is_shown() {
        let lines: Vec<String> = (1..=50).map(|line| format!("line {line}")).collect();
        let shown = last_lines(&lines.join("\n"));
        assert!(shown.starts_with("line 31\n") && shown.ends_with("line 50"), "{shown}");
        assert_eq!(last_lines("one"), "one");
        assert_eq!(last_lines(""), "");
    }
}
