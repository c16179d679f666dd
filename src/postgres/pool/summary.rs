//! Operation and table of a statement, from its text (OpenTelemetry's `db.query.summary`).
//!
//! A statement that changes data is named after its last change, which its other parts serve. Any other is named after the
//! first table it reads from.

/// Operation and table of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    /// SQL operation: `SELECT`, `INSERT`, `UPDATE`, `DELETE` or `COMMIT`.
    pub(super) operation: &'static str,
    /// Operation and table, if there is one: `SELECT events`.
    pub(super) text: String,
}

impl Summary {
    pub(super) fn of(sql: &str) -> Self {
        let sql = sql.to_lowercase();
        let words = words(&sql);
        let changes = words.windows(4).filter_map(|four| change(four)).next_back();
        let (operation, table) =
            changes.unwrap_or_else(|| (reading(&words), words.windows(3).find_map(table_read)));
        let text = match table {
            Some(table) => format!("{operation} {}", table.trim_end_matches([',', ';'])),
            None => operation.to_owned(),
        };
        Self { operation, text }
    }
}

/// Splits a statement, put into parentheses, into its words and parentheses.
fn words(sql: &str) -> Vec<&str> {
    let parts = sql.split_whitespace().flat_map(|part| part.split_inclusive(['(', ')']));
    let words = parts.flat_map(|part| {
        let (word, parenthesis) = part.split_at(part.trim_end_matches(['(', ')']).len());
        [word, parenthesis]
    });
    let words = words.filter(|word| !word.is_empty());
    ["("].into_iter().chain(words).chain([")", ")"]).collect()
}

/// Recognises the beginning of a change. `on conflict do update` and `for update` are none.
fn change<'s>(four: &[&'s str]) -> Option<(&'static str, Option<&'s str>)> {
    match *four {
        ["(" | ")", "insert", "into", table] => Some(("INSERT", Some(table))),
        ["(" | ")", "delete", "from", table] => Some(("DELETE", Some(table))),
        ["(" | ")", "update", table, _] => Some(("UPDATE", Some(table))),
        _ => None,
    }
}

/// Recognises a table that is read from: neither a subquery nor a function.
fn table_read<'s>(three: &[&'s str]) -> Option<&'s str> {
    match *three {
        ["from", "(", _] | ["from", _, "("] => None,
        ["from", table, _] => Some(table),
        _ => None,
    }
}

/// Operation of a statement that changes no table.
fn reading(words: &[&str]) -> &'static str {
    match words.get(1) {
        Some(&"commit") => "COMMIT",
        Some(_) | None => "SELECT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_summaries(of: &[(&str, &str)]) {
        for (sql, text) in of {
            let summary = Summary::of(sql);
            assert_eq!(summary.text, *text, "{sql}");
            assert_eq!(summary.operation, text.split(' ').next().unwrap(), "{sql}");
        }
    }

    #[test]
    fn a_statement_is_named_after_what_it_does_to_which_table() {
        assert_summaries(&[
            ("select version, data\nfrom events where stream = $1", "SELECT events"),
            ("SELECT sealed FROM key_material", "SELECT key_material"),
            ("insert into users (id) values ($1)", "INSERT users"),
            ("insert into jwks (id) values ((select sealed from key_material))", "INSERT jwks"),
            ("update users set name = $2 where id = $1", "UPDATE users"),
            ("delete from sessions where id = $1", "DELETE sessions"),
            ("commit", "COMMIT"),
        ]);
    }

    #[test]
    fn the_last_change_counts_and_what_only_looks_like_one_does_not() {
        assert_summaries(&[
            (
                "with gone as (delete from snapshots returning 0), added as (\n\
                 insert into events (position) select 1 from gone) select 0 from gone",
                "INSERT events",
            ),
            (
                "with removed as (delete from snapshots where stream = $1)\n\
                 insert into snapshots (stream) select $1 from set_config('a', 'b', true)\n\
                 on conflict (stream) do update set kept = true",
                "INSERT snapshots",
            ),
            (
                "with resealed as (update key_material set sealed = $3 returning kid)\n\
                 update jwks set private_key = $3",
                "UPDATE jwks",
            ),
            ("select id from users for update", "SELECT users"),
        ]);
    }

    #[test]
    fn neither_functions_nor_parts_of_the_statement_are_tables() {
        assert_summaries(&[
            (
                "select coalesce((select version from events), 0) from unnest($1::text[]) asked",
                "SELECT events",
            ),
            ("select id from unnest($1) ids where not exists (select from users)", "SELECT users"),
            ("select low from (select low from halving, lateral now()) looked", "SELECT halving"),
            ("select pg_try_advisory_lock(1)", "SELECT"),
            ("", "SELECT"),
        ]);
    }
}
