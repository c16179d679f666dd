//! Rules about the sources: what may know what, and how files look.

use std::collections::BTreeSet;
use std::path::Path;

use super::sql::is_sql;
use super::{assert_none, files, read, sources};

const FEATURES: [&str; 4] = ["tasks", "accounts", "sessions", "keys"];
/// What stands on the features.
const ABOVE: [&str; 10] =
    ["auth", "revocations", "http", "web", "api", "routes", "freshness", "app", "cli", "config"];

const LONGEST_FILE: usize = 400;

/// The modules at the crate's root that code names: `crate::tasks`, `crate::{clock::Clock, id}`.
fn modules_named(code: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let Some(group) = after.strip_prefix('{') else {
            modules.insert(identifier(after));
            continue;
        };
        let mut depth = 1;
        let mut item = String::new();
        for character in group.chars() {
            depth += i32::from(character == '{') - i32::from(character == '}');
            if depth == 0 || (depth == 1 && character == ',') {
                modules.insert(identifier(item.trim_start()));
                item.clear();
            } else {
                item.push(character);
            }
            if depth == 0 {
                break;
            }
        }
    }
    modules
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

#[test]
fn the_modules_that_code_names_are_found() {
    let code = "use crate::id::{Id, UserId};\nuse crate::{clock::{Clock, at}, keys};\nfn a() -> crate::web::Tag {}";
    assert_eq!(modules_named(code), ["id", "clock", "keys", "web"].map(str::to_owned).into());
}

/// Where the sources of a module name others.
fn naming(module: &str, others: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources("src").iter().filter(|source| is_of(&source.path, module)) {
        let modules = modules_named(&source.code);
        let is_named = |other: &str| {
            modules.contains(other) || source.code.contains(&format!("super::{other}::"))
        };
        let others = others.iter().filter(|other| is_named(other));
        found.extend(others.map(|other| format!("{} names {other}", source.path)));
    }
    found
}

fn is_of(path: &str, module: &str) -> bool {
    path == format!("src/{module}.rs") || path.starts_with(&format!("src/{module}/"))
}

#[test]
fn the_kernel_knows_no_feature() {
    let others: Vec<_> = FEATURES.into_iter().chain(ABOVE).collect();
    assert_none("eventlog knows no feature and nothing above them", naming("eventlog", &others));
    assert_none("nor does database", naming("database", &others));
}

#[test]
fn no_feature_knows_another() {
    for feature in FEATURES {
        let others: Vec<_> = FEATURES.into_iter().filter(|other| *other != feature).collect();
        assert_none("features do not know each other", naming(feature, &others));
    }
}

#[test]
fn statuses_are_decided_at_the_edge() {
    let broken = sources("src").into_iter().filter(|source| {
        source.code.contains("StatusCode")
            && !is_of(&source.path, "http")
            && !is_of(&source.path, "web")
    });
    assert_none("StatusCode stands under http and web only", broken.map(|source| source.path));
}

#[test]
fn sql_stands_where_it_belongs() {
    let belongs = |path: &str| {
        is_of(path, "database") || is_of(path, "eventlog") || path.ends_with("/read_model.rs")
    };
    let elsewhere = sources("src").into_iter().filter(|source| !belongs(&source.path));
    let broken = elsewhere.flat_map(|source| {
        let statements = source.strings.into_iter().filter(|literal| is_sql(literal));
        statements.map(|sql| format!("{}: {sql}", source.path)).collect::<Vec<_>>()
    });
    assert_none("SQL stands in database/, eventlog/ and read_model.rs", broken);
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
    let migrations = read("src/database/migrations.rs");
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
