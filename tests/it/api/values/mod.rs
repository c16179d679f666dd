//! Values of users and programs: a text is kept or refused alike at every entrance, and again after the server has read its
//! log.
//!
//! The texts are those of `tests/corpora`, one file per type. A report of an odd value adds a line there.

mod accounts;
mod tasks;

use serde::Deserialize;

/// A line of a corpus.
#[derive(Debug, Clone, Deserialize)]
struct Line {
    given: String,
    /// The normal form, unless the text is refused.
    held: Option<String>,
}

/// The lines of a corpus.
fn corpus(name: &str) -> Vec<Line> {
    let path = format!("{}/tests/corpora/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The texts that are accepted, with their normal forms.
fn accepted(name: &str) -> Vec<(String, String)> {
    corpus(name).into_iter().filter_map(|line| Some((line.given, line.held?))).collect()
}

/// The texts that are refused.
fn refused(name: &str) -> Vec<String> {
    let refused = corpus(name).into_iter().filter(|line| line.held.is_none());
    refused.map(|line| line.given).collect()
}
