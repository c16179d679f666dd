//! Documents: their names of telemetry are registered, and their variables exist.

use std::collections::BTreeSet;
use std::path::Path;

use keyfold::config;

use super::registry::Registry;
use super::{DIRECTORY, RECORDING, rules, text};
use crate::tidy::{assert_none, files, read};

/// Prefixes of names of telemetry, in the notations of OpenTelemetry and of Prometheus.
const BEGINNINGS: [&str; 8] = [
    "keyfold.",
    "keyfold_",
    "keyfold:",
    "instance:",
    "http.server.",
    "http_server_",
    "db.client.",
    "db_client_",
];

/// Words that begin like a name and are none: nginx' variables, files and a host.
const OTHERS: [&str; 4] = ["keyfold_key", "keyfold.dump", "keyfold.service", "keyfold.env"];

fn is_document(path: &String) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "md")
}

fn documents() -> Vec<String> {
    let at_the_root = ["README.md", "CHANGELOG.md"].map(str::to_owned).into_iter();
    let pages = [DIRECTORY, "docs"].into_iter().flat_map(files).filter(is_document);
    at_the_root.chain(pages).collect()
}

/// The words of a text that begin like names.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |it: char| it.is_ascii_alphanumeric() || "._:".contains(it);
    let words = text.split(|it| !is_part(it)).map(|it| it.trim_end_matches(['.', ':']));
    // A module's path is no name.
    let words = words.filter(|word| !word.contains("::"));
    words.filter(|word| BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))).collect()
}

/// Every registered name, of any kind and in either notation.
fn registered() -> BTreeSet<String> {
    let registry = Registry::read();
    let mut names: BTreeSet<_> = registry.metrics.keys().cloned().collect();
    names.extend(registry.events.keys().cloned());
    names.extend(registry.attributes.keys().cloned());
    names.extend(registry.attributes.keys().map(|it| it.replace('.', "_")));
    for series in registry.series().into_keys() {
        // A histogram is also called by what its series have in common.
        let common = ["_bucket", "_sum", "_count"].iter().find_map(|it| series.strip_suffix(it));
        names.extend(common.map(str::to_owned));
        names.insert(series);
    }
    names.extend(rules(RECORDING).iter().map(|rule| text(rule, "record").to_owned()));
    names
}

#[test]
fn every_name_of_telemetry_in_a_document_is_registered() {
    let registered = registered();
    let broken = documents().into_iter().flat_map(|path| {
        let document = read(&path);
        let unknown = names(&document).into_iter().filter(|name| !OTHERS.contains(name));
        let unknown = unknown.filter(|name| !registered.contains(*name));
        unknown.map(|name| format!("{path}: {name}")).collect::<Vec<_>>()
    });
    assert_none("documents name what there is", broken);
}

#[test]
fn names_are_found_in_a_text() {
    let text = "See `keyfold.log.head`, keyfold_sign_ins_total{outcome=\"failure\"} and keyfold::events. (http.server.x)";
    let expected = ["http.server.x", "keyfold.log.head", "keyfold_sign_ins_total"];
    assert_eq!(names(text), expected.into());
}

#[test]
fn every_variable_that_documents_name_is_one() {
    let table = config::markdown_table();
    let broken = documents().into_iter().flat_map(|path| {
        let document = read(&path);
        let words = document.split(|it: char| !it.is_ascii_uppercase() && it != '_');
        // The prefix alone names no variable.
        let words = words.filter(|word| word.starts_with("KEYFOLD_") && *word != "KEYFOLD_");
        let unknown = words.filter(|word| !table.contains(&format!("`{word}`")));
        unknown.map(|word| format!("{path}: {word}")).collect::<Vec<_>>()
    });
    assert_none("documents name variables that there are", broken);
}
