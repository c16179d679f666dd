//! The SQL in the string literals of the sources.

use std::collections::BTreeSet;

use super::{lexer, sources};

/// Beginnings of SQL statements, separated by bars.
const STATEMENTS: &str = "select |insert into |delete from |create table |create schema |alter table |\
                          drop |truncate |lock table |listen |notify |copy |begin;|begin isolation|\
                          start transaction|set local |set search_path";

/// True if a literal is an SQL statement.
pub(super) fn is_sql(literal: &str) -> bool {
    let text = literal.trim_start_matches(['\\', '\n', ' ']).to_lowercase().replace('\n', " ");
    STATEMENTS.split('|').any(|beginning| text.starts_with(beginning))
        || (text.starts_with("update ") && text.contains(" set "))
        || (text.starts_with("with ") && text.contains(" as ("))
        || ["begin", "commit", "rollback"].contains(&text.as_str())
}

/// Files with statements that replace whole tables, which no server runs.
const REPLAY: [&str; 2] = ["src/eventlog/log/replay.rs", "src/eventlog/log/shadow_table.rs"];

/// Every SQL statement of the program, with single spaces. Those of `src/postgres`, which suit any database, and those of
/// [`REPLAY`] are left out.
pub fn statements() -> BTreeSet<String> {
    let program = sources("src").into_iter().filter(|source| {
        !source.path.starts_with("src/postgres/")
            && !source.path.ends_with("tests.rs")
            && !REPLAY.contains(&source.path.as_str())
    });
    program
        .flat_map(|source| {
            let without_tests = source.text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            lexer::split(without_tests).1
        })
        .filter(|literal| is_sql(literal))
        .map(|literal| with_single_spaces(&literal.replace("\\\n", " ")))
        .collect()
}

/// An SQL statement in the form in which statements are compared.
pub fn with_single_spaces(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn sql_is_told_from_other_text() {
    assert!(is_sql("\\\nselect version from events") && is_sql("update jwks set status = $1"));
    assert!(!is_sql("begin a session") && !is_sql("update the list"));
}

#[test]
fn the_statements_of_the_program_are_found() {
    let statements = statements();
    for whole in [
        "select coalesce((select position from events where position > 0 order by position desc limit 1), 0)",
        "select version, type, schema, data from events where stream = $1 and version > $2 and version <= $3 order by version limit $4",
        "delete from sessions where id = $1",
    ] {
        assert!(statements.contains(whole), "{whole}: {statements:#?}");
    }
}
