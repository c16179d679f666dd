//! The rules of the code base that a compiler does not check, held by reading its text.

mod docs;
mod floors;
mod folders;
mod graph;
mod lexer;
mod manifests;
mod sources;
pub mod sql;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a directory of the repository, by its path from the root.
pub fn files(directory: &str) -> Vec<String> {
    let mut left = vec![PathBuf::from(directory)];
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if root().join(&path).is_dir() {
            let entries = fs::read_dir(root().join(&path)).unwrap();
            left.extend(entries.map(|entry| path.join(entry.unwrap().file_name())));
        } else {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

/// A Rust file.
pub struct Source {
    /// Its path from the root of the repository.
    pub path: String,
    pub text: String,
    /// The text without comments and string literals.
    pub code: String,
    /// The string literals.
    pub strings: Vec<String>,
}

/// Every Rust file below a directory.
pub fn sources(directory: &str) -> Vec<Source> {
    let is_rust = |path: &String| Path::new(path).extension().is_some_and(|end| end == "rs");
    let paths = files(directory).into_iter().filter(is_rust);
    let sources: Vec<_> = paths
        .map(|path| {
            let text = read(&path);
            let (code, strings) = lexer::split(&text);
            Source { path, text, code, strings }
        })
        .collect();
    assert!(sources.len() > 10, "{directory} has its sources");
    sources
}

/// Fails with every place that breaks a rule.
#[track_caller]
pub fn assert_none(rule: &str, broken: impl IntoIterator<Item = String>) {
    let broken: Vec<_> = broken.into_iter().collect();
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}
