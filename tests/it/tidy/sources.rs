//! Rules about the sources: permitted knowledge between modules, and the form of files.

use std::collections::BTreeSet;
use std::path::Path;

use super::sql::is_sql;
use super::{assert_none, files, read, sources};

const LONGEST_FILE: usize = 400;

fn is_of(path: &str, module: &str) -> bool {
    path == format!("src/{module}.rs") || path.starts_with(&format!("src/{module}/"))
}

#[test]
fn statuses_are_decided_at_one_place() {
    let decides = |code: &str| code.contains("StatusCode::");
    let elsewhere = ["src/http/edge/", "src/http/response/", "src/http/exposition.rs", "src/web/"];
    let broken = sources("src").into_iter().filter(|source| {
        decides(&source.code)
            && !elsewhere.iter().any(|place| source.path.starts_with(place))
            && !source.path.ends_with("tests.rs")
    });
    assert_none("statuses of problems stand in codes.rs", broken.map(|source| source.path));
}

#[test]
fn sql_stands_where_it_belongs() {
    let belongs = |path: &str| {
        is_of(path, "postgres") || is_of(path, "eventlog") || path.ends_with("/read_model.rs")
    };
    let elsewhere = sources("src").into_iter().filter(|source| !belongs(&source.path));
    let broken = elsewhere.flat_map(|source| {
        let statements = source.strings.into_iter().filter(|literal| is_sql(literal));
        statements.map(|sql| format!("{}: {sql}", source.path)).collect::<Vec<_>>()
    });
    assert_none("SQL stands in postgres/, eventlog/ and read_model.rs", broken);
}

#[test]
fn every_file_says_what_it_is_for() {
    let all = sources("src").into_iter().chain(sources("tests/it"));
    let broken = all.filter(|source| !source.text.starts_with("//! "));
    assert_none("a file begins with //!", broken.map(|source| source.path));
}

#[test]
fn no_file_is_too_long_to_read() {
    let all = sources("src").into_iter().chain(sources("tests/it"));
    let lengths = all.map(|source| (source.text.lines().count(), source.path));
    let broken = lengths.filter(|(lines, _)| *lines > LONGEST_FILE);
    assert_none("files are short", broken.map(|(lines, path)| format!("{path}: {lines} lines")));
}

#[test]
fn every_test_runs_and_none_waits_by_sleeping() {
    let ignored = ["#", "[ignore"].concat();
    let broken = sources("tests/it").into_iter().filter(|source| {
        source.text.contains(&ignored)
            || source.code.contains("thread::sleep")
            || source.code.contains("time::sleep")
    });
    assert_none("tests are not ignored and wait for conditions", broken.map(|source| source.path));
    let is_script = |path: &String| {
        !path.contains("node_modules")
            && Path::new(path).extension().is_some_and(|end| end == "mjs")
    };
    let scripts = files("tests/browser").into_iter().filter(is_script);
    let broken = scripts.filter(|path| read(path).contains("waitForTimeout"));
    assert_none("scripts wait for conditions", broken);
    let broken = sources("src").into_iter().filter(|source| source.text.contains(&ignored));
    assert_none("tests are not ignored", broken.map(|source| source.path));
}

#[test]
fn every_migration_is_applied() {
    let migrations = read("src/postgres/migrations.rs");
    let missing = files("schema")
        .into_iter()
        .filter(|file| !migrations.contains(&format!("include_str!(\"../../{file}\")")));
    assert_none("a file of schema/ is in the list of migrations", missing);
}

#[test]
fn every_stored_event_has_its_golden_file() {
    let golden: BTreeSet<_> = files("tests/golden").into_iter().collect();
    let kinds: BTreeSet<_> =
        sources("src").iter().flat_map(|source| event_kinds(&source.text)).collect();
    assert!(!kinds.is_empty(), "events are stored");
    assert_none("every event has a golden file", kinds.difference(&golden).cloned());
    assert_none("every golden file is an event's", golden.difference(&kinds).cloned());
}

/// The golden files of the kinds that a text names: `"TaskCreated" @ 1 => Created`.
fn event_kinds(text: &str) -> Vec<String> {
    let blocks = text.split("event_kinds!(").skip(1).filter_map(|block| block.split(");").next());
    let lines = blocks.flat_map(str::lines).filter(|line| !line.trim_start().starts_with("//"));
    let kinds = lines.filter_map(|line| line.split_once(" =>")?.0.trim().split_once(" @ "));
    kinds
        .map(|(name, schema)| format!("tests/golden/{}.{schema}.json", name.trim_matches('"')))
        .collect()
}
