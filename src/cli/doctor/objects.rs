//! Checks of the schema's objects: the tables' program, the user's rights, and the triggers that guard the log.

use super::finding::Finding;
use crate::postgres::inspection::objects::{Rights, Trigger};
use crate::postgres::{MigrationError, known_migrations};

/// Tables of this program.
pub(super) const TABLES: [&str; 9] = [
    "credentials",
    "events",
    "idempotency_keys",
    "jwks",
    "key_material",
    "refinery_schema_history",
    "sessions",
    "snapshots",
    "users",
];

/// Privileges that a server needs on them.
pub(super) const PRIVILEGES: [(&str, &str); 29] = [
    ("events", "select"),
    ("events", "insert"),
    ("users", "select"),
    ("users", "insert"),
    ("users", "update"),
    ("users", "delete"),
    ("credentials", "select"),
    ("credentials", "insert"),
    ("credentials", "update"),
    ("credentials", "delete"),
    ("sessions", "select"),
    ("sessions", "insert"),
    ("sessions", "update"),
    ("sessions", "delete"),
    ("jwks", "select"),
    ("jwks", "insert"),
    ("jwks", "update"),
    ("jwks", "delete"),
    ("key_material", "select"),
    ("key_material", "insert"),
    ("key_material", "update"),
    ("key_material", "delete"),
    ("snapshots", "select"),
    ("snapshots", "insert"),
    ("snapshots", "update"),
    ("snapshots", "delete"),
    ("idempotency_keys", "select"),
    ("idempotency_keys", "insert"),
    ("idempotency_keys", "delete"),
];

/// Table to which a partition is added each day, which only its owner may do.
pub(super) const OWNED: [&str; 1] = ["idempotency_keys"];

/// A trigger that keeps rows from contradicting what has happened, and the statement that creates it.
pub(super) struct Guard {
    /// Table on which the trigger is.
    pub(super) table: &'static str,
    /// Name by which the database lists it.
    pub(super) name: &'static str,
    /// Statement for the operator who has to restore it.
    pub(super) made_by: &'static str,
}

pub(super) const GUARDS: [Guard; 3] = [
    Guard {
        table: "events",
        name: "events_append_only",
        made_by: "create trigger events_append_only before update or delete or truncate on events \
                  for each statement execute function events_refuse_rewriting()",
    },
    Guard {
        table: "events",
        name: "events_gapless",
        made_by: "create trigger events_gapless after insert on events referencing new table as added \
                  for each statement execute function events_refuse_gaps()",
    },
    Guard {
        table: "idempotency_keys",
        name: "idempotency_keys_one_outcome",
        made_by: "create trigger idempotency_keys_one_outcome before insert on idempotency_keys \
                  for each row execute function idempotency_keys_refuse_second()",
    },
];

/// Checks that the schema is this program's, and up to date.
pub(super) fn schema(
    checked: Result<(), MigrationError>,
    tables: &[String],
    elsewhere: &[String],
) -> Finding {
    let known = known_migrations();
    let missing = match checked {
        Ok(()) => {
            let text = format!("{known} of {known} migrations applied");
            return Finding::ok("schema", text);
        }
        Err(MigrationError::Behind(missing)) => missing,
        Err(error) => return Finding::error("schema", error.to_string()),
    };
    let applied = format!("{} of {known} migrations applied", known - missing.len());
    let migrate = "run `keyfold migrate`, or start a server, which does it";
    if missing.len() < known {
        return Finding::warning("schema", format!("{applied}: {migrate}"));
    }
    let (taken, others): (Vec<&str>, Vec<&str>) =
        tables.iter().map(String::as_str).partition(|table| TABLES.contains(table));
    match (&taken[..], elsewhere, &others[..]) {
        ([_, ..], ..) => Finding::error(
            "schema",
            format!(
                "{applied}, and tables of another program have the names of Keyfold's ({}): make a schema (create schema \
                 keyfold) and name it in DATABASE_URL (?options=-csearch_path%3Dkeyfold)",
                taken.join(", ")
            ),
        ),
        ([], [_, ..], _) => Finding::warning(
            "schema",
            format!(
                "{applied} here, but in other schemas of this database ({}): if one of these is meant, correct the \
                 search_path; otherwise {migrate}",
                elsewhere.join(", ")
            ),
        ),
        ([], [], [first, ..]) => Finding::warning(
            "schema",
            format!(
                "{applied}, and another program has {} tables here ({first}, for instance): if this is the wrong database, \
                 correct DATABASE_URL; otherwise {migrate}",
                others.len()
            ),
        ),
        ([], [], []) => Finding::warning("schema", format!("{applied}: {migrate}")),
    }
}

/// Checks that the user may do all that a server does.
pub(super) fn rights(rights: &Rights) -> Finding {
    let Rights { lacking, makes_objects, makes_schemas, not_owned } = rights;
    let owner = "let DATABASE_URL name the user who owns the tables, or";
    if !lacking.is_empty() {
        let lacking = lacking.join(", ");
        return Finding::error("rights", format!("this user lacks {lacking}: {owner} grant it"));
    }
    if !makes_objects {
        let todo = "grant create on the schema";
        let text = "this user may not create tables in the schema, which migrations and every day's idempotency keys need";
        return Finding::error("rights", format!("{text}: {owner} {todo}"));
    }
    if !not_owned.is_empty() {
        let table = not_owned.join(", ");
        let text = format!("this user does not own {table}, to which a part is added each day");
        return Finding::error("rights", format!("{text}: {owner} make it the owner of {table}"));
    }
    if !makes_schemas {
        let todo = "`keyfold replay` would fail: grant create on the database before it is needed";
        let text = "this user may not create schemas in the database";
        return Finding::warning("rights", format!("{text}, so {todo}"));
    }
    Finding::ok("rights", "all rights of a server are granted")
}

/// Checks that the triggers which guard the log and the idempotency keys exist and are enabled.
pub(super) fn guards(triggers: &[Trigger]) -> Finding {
    let todo = |guard: &Guard| {
        let Guard { table, name, made_by } = guard;
        let is_it = |trigger: &&Trigger| trigger.table == *table && trigger.name == *name;
        match triggers.iter().find(is_it) {
            None => Some(format!("trigger {name} on {table} is missing: run in psql `{made_by}`")),
            Some(Trigger { is_enabled: false, .. }) => Some(format!(
                "trigger {name} on {table} is disabled: run in psql `alter table {table} enable trigger {name}`"
            )),
            Some(Trigger { is_enabled: true, .. }) => None,
        }
    };
    let todo: Vec<_> = GUARDS.iter().filter_map(todo).collect();
    if todo.is_empty() {
        return Finding::ok("guards", "triggers protect the log");
    }
    Finding::error("guards", todo.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind() -> Result<(), MigrationError> {
        Err(MigrationError::Behind(vec![String::new(); known_migrations()]))
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_database_that_a_newer_version_migrated_is_an_error() {
        let ahead = Err(MigrationError::Ahead("V9__future".to_owned()));
        let told = schema(ahead, &[], &[]).to_string();
        assert!(told.starts_with("error    schema       this database has migration V9__future"));
        assert!(told.ends_with("start a newer version"), "{told}");
    }

    #[test]
    fn whose_tables_these_are_is_told_before_anything_is_migrated() {
        let told = |tables: &[&str], elsewhere: &[&str]| {
            schema(behind(), &owned(tables), &owned(elsewhere)).to_string()
        };
        let taken = told(&["orders", "users"], &["keyfold"]);
        assert!(taken.starts_with("error    schema       0 of "), "{taken}");
        assert!(taken.contains("have the names of Keyfold's (users): make a schema"), "{taken}");
        let elsewhere = told(&["orders"], &["keyfold"]);
        assert!(elsewhere.contains("in other schemas of this database (keyfold): "), "{elsewhere}");
        let foreign = told(&["orders"], &[]);
        assert!(foreign.contains("another program has 1 tables here (orders, "), "{foreign}");
        assert!(told(&[], &[]).contains("applied: run `keyfold migrate`"));
    }

    #[test]
    fn every_right_that_is_lacking_is_told_with_what_to_do() {
        let all = Rights { makes_objects: true, makes_schemas: true, ..Rights::default() };
        assert!(rights(&all).to_string().starts_with("ok "));
        let replay = rights(&Rights { makes_schemas: false, ..all.clone() }).to_string();
        assert!(replay.starts_with("warning ") && replay.contains("`keyfold replay`"), "{replay}");
        let not_owned = owned(&["idempotency_keys"]);
        for (lacking, said) in [
            (Rights { lacking: owned(&["INSERT on events"]), ..all.clone() }, "INSERT on events"),
            (Rights { makes_objects: false, ..all.clone() }, "grant create on the schema"),
            (Rights { not_owned, ..all.clone() }, "make it the owner of idempotency_keys"),
        ] {
            let told = rights(&lacking).to_string();
            assert!(told.starts_with("error ") && told.contains(said), "{told}");
        }
    }
}
