//! The statements to be looked at: those of the program, and those in the functions of the schema.

use std::collections::BTreeSet;

use crate::tidy;
use crate::tidy::sql::with_single_spaces;

/// Statements of the program that are no part of answering a request, or have no plan.
const EXCEPTIONS: [&str; 7] = [
    // `keyfold replay`, which makes every read model again
    "delete from {table}",
    "set local statement_timeout = 0; select position from log_head for update",
    // `keyfold users delete` and `keyfold sessions end`
    "delete from users where id = $1",
    "delete from idempotency_keys where owner = $1",
    "select distinct user_id from sessions",
    "select id from unnest($1::uuid[]) as ids (id) where not exists (select from users where users.id = ids.id)",
    // For the message to a second server, which is refused.
    "select current_schema()",
];

/// Every statement that servers run.
pub(super) fn of_program() -> BTreeSet<String> {
    let mut statements = tidy::sql::statements();
    for exception in EXCEPTIONS {
        assert!(statements.remove(exception), "no longer a statement: {exception}");
    }
    statements
}

/// Every query in the functions of the schema, as PL/pgSQL has it planned.
pub(super) fn of_functions() -> BTreeSet<String> {
    let mut queries = BTreeSet::new();
    for file in tidy::files("schema") {
        // The bodies of functions stand between double dollars.
        for body in tidy::read(&file).split("$$").skip(1).step_by(2) {
            let (_declarations, code) = body.split_once("begin").unwrap();
            let statements = code.split(';').map(with_single_spaces);
            queries.extend(statements.filter(|text| text.contains("select ")).map(query_of));
        }
    }
    queries
}

/// The condition of an `if`, or a `select` without its `into`.
fn query_of(statement: String) -> String {
    if let Some(condition) = statement.strip_prefix("if ") {
        return condition.split(" then ").next().unwrap().to_owned();
    }
    let Some((columns, rest)) = statement.split_once(" into ") else { return statement };
    let (_variables, source) = rest.split_once(" from ").unwrap();
    format!("{columns} from {source}")
}
