//! The statements to be looked at: those of the program, and those in the functions of the schema.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy;
use crate::tidy::sql::with_single_spaces;

/// Statements of the program that are no part of answering a request, or have no plan.
const EXCEPTIONS: [&str; 19] = [
    // `keyfold replay`, which makes every read model again
    "update jwks set private_key = sealed from key_material where kid = id and status <> 'verifying'",
    // `keyfold events`
    "select position, stream, version, event_id, type, schema, data, context, recorded_at from events where position > $1 order by position limit $2",
    // `keyfold users delete` and `keyfold sessions end`
    "delete from users where id = $1",
    "delete from idempotency_keys where owner = $1",
    "delete from snapshots where stream = any ($1)",
    "select distinct user_id from sessions",
    "select id from unnest($1::uuid[]) as ids (id) where not exists (select from users where users.id = ids.id)",
    // `keyfold keys replace --lost`
    "delete from key_material",
    // `keyfold users list` and `keyfold users show`
    "select id, email, name, created_at from users where email > $1 order by email limit $2",
    "select recorded_at from events where stream = $1 and type = 'SessionStarted' order by version desc limit 1",
    // `keyfold doctor`
    "select count(*) from events made where position > $1 and stream = 'keys' and type = 'KeyPublished' and not exists (select from jwks where id = made.data -> 'publicKey' ->> 'kid') and not exists (select from events gone where gone.stream = made.stream and gone.type in ('KeyRetired', 'KeyRevoked') and gone.data ->> 'kid' = made.data -> 'publicKey' ->> 'kid')",
    "select count(*) from events made where position > $1 and type = 'AccountCreated' and not exists (select from users where id = substr(made.stream, length('account-') + 1)::uuid) and not exists (select from events gone where gone.stream = made.stream and gone.type = 'AccountDeleted')",
    "select count(*) from events made where position > $1 and type = 'SessionStarted' and not exists (select from sessions where id = (made.data ->> 'sessionId')::uuid) and not exists (select from events ended where ended.stream = made.stream and ended.version > made.version and ended.type = 'SessionEnded' and ended.data ->> 'sessionId' = made.data ->> 'sessionId')",
    "select count(*) from events where position > $1 and position <= $2",
    "select max(recorded_at) from events where position > $1",
    "select place from generate_series($1::bigint + 1, $2::bigint) as place where (select position from events where position = place) is null limit 1",
    // A node runs these on a session of its own that it has lost, and while the database takes no changes.
    "select pg_terminate_backend($1)",
    "with touched as (update log_term set only_row = only_row where only_row returning only_row) select pg_notify('keyfold:' || current_schema(), '') from touched",
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
    for body in bodies().values() {
        let (_declarations, code) = body.split_once("begin").unwrap();
        let statements = code.split(';').map(with_single_spaces);
        queries.extend(statements.filter(|text| text.contains("select ")).map(query_of));
    }
    queries
}

/// The body of each function by its name, as the last file that defines it has it.
fn bodies() -> BTreeMap<String, String> {
    let mut bodies = BTreeMap::new();
    for file in tidy::files("schema") {
        let text = tidy::read(&file);
        // Bodies stand between double dollars.
        let parts: Vec<_> = text.split("$$").collect();
        for pair in parts.chunks_exact(2) {
            let (_, definition) = pair[0].rsplit_once("function ").unwrap();
            let name = definition.split('(').next().unwrap();
            bodies.insert(name.to_owned(), pair[1].to_owned());
        }
    }
    bodies
}

/// The condition of an `if`, or a `select` without its `into`.
fn query_of(statement: String) -> String {
    if let Some(condition) = statement.strip_prefix("if ") {
        return condition.split(" then ").next().unwrap().to_owned();
    }
    let Some((columns, rest)) = statement.split_once(" into ") else { return statement };
    match rest.split_once(" from ") {
        Some((_variables, source)) => format!("{columns} from {source}"),
        None => columns.to_owned(),
    }
}
