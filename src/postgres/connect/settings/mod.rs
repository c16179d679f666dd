//! Settings that every session gets before it is used, and the check that follows.
//!
//! They are set by statements and not in the startup packet: a pooler in between, as `PgBouncer`, refuses the packet's
//! `options` or drops them silently. Settings that a session would inherit from its role or its database are set too, so
//! that sessions behave alike everywhere. The check runs in a transaction of its own: it finds out if the session is still
//! the one that was set up, which it need not be behind a pooler that lends sessions per transaction, and if the session is
//! fit for use.

#[cfg(test)]
mod in_sessions;

use std::fmt::Write as _;

use uuid::Uuid;

use super::error::ConnectionError;

/// Error about a pooler that does not lend sessions for as long as a client is connected.
pub const PER_TRANSACTION: &str = "the pooler between Keyfold and PostgreSQL lends sessions per transaction, and has to lend \
    them for as long as a client is connected (PgBouncer: pool_mode = session)";

/// Defaults that the user's connection string may override.
///
/// * A lost client cannot keep a statement or a lock for long. A lock wait times out before its statement does, so that it
///   can be told from a statement that is slow by itself.
/// * The server notices within about 20 seconds that a client has vanished silently, and releases its locks; within 5 those
///   of a transaction, for which every node may be waiting. No transaction here waits that long for its client.
/// * Rows are found by index, however small their table was when a statement was planned: PostgreSQL keeps its plans, and a
///   plan that scans a small table would go on scanning as the table grows. A plan that has to scan a whole table then
///   counts as costly, which is no reason to compile it (`jit`).
const DEFAULTS: [(&str, &str); 10] = [
    ("statement_timeout", "10s"),
    ("lock_timeout", "8s"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "2"),
    ("tcp_user_timeout", "20000"),
    ("enable_seqscan", "off"),
    ("jit", "off"),
    ("plan_cache_mode", "auto"),
];

/// Settings that neither a role, nor a database, nor the connection string may override.
///
/// * Each statement sees what was committed before it, which the log's lock depends on, and may write.
/// * Sessions of a pool are idle for as long as there are no requests.
/// * Values are written and read in one notation, and statements mean what they say.
/// * Single rows are found by index, nested loops and sorting.
const PINNED: [(&str, &str); 18] = [
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_deferrable", "off"),
    ("idle_session_timeout", "0"),
    ("enable_indexscan", "on"),
    ("enable_indexonlyscan", "on"),
    ("enable_bitmapscan", "on"),
    ("enable_nestloop", "on"),
    ("enable_sort", "on"),
    ("standard_conforming_strings", "on"),
    ("quote_all_identifiers", "off"),
    ("transform_null_equals", "off"),
    ("array_nulls", "on"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("timezone", "UTC"),
    ("datestyle", "ISO, MDY"),
    ("intervalstyle", "postgres"),
];

/// Adjusts inherited values. A change is acknowledged only once it is durable, whatever the role sets; the number of
/// standbys it waits for is the operator's choice. PostgreSQL 17 limits whole transactions too, which is switched off.
const INHERITED: &str = "\
do $$ begin
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', false);
    end if;
    if current_setting('server_version_num')::integer >= 170000 then
        perform set_config('transaction_timeout', '0', false);
    end if;
end $$";

/// Longest name of a schema in bytes: with it a channel's name has the 63 bytes that PostgreSQL keeps.
const LONGEST_SCHEMA: usize = 55;

/// Settings of one connection's sessions.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    /// Settings from the connection string, in its order: they come after the defaults and before the pinned ones.
    own: Vec<(String, String)>,
    /// Schema to work in, if it is set by the program and not by the connection string.
    schema: Option<String>,
}

impl Settings {
    /// Parses the `options` of a connection string, which are those of a server process: `-c name=value`, `-cname=value` or
    /// `--name=value`. Returns the rest too, which is for a proxy in front of the server.
    ///
    /// # Errors
    ///
    /// Fails if an option has no value.
    pub(super) fn of_options(options: &str) -> Result<(Self, Option<String>), ConnectionError> {
        let (mut own, mut rest) = (Vec::new(), Vec::new());
        let mut words = words(options).into_iter();
        while let Some(word) = words.next() {
            let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
                Some("") => words.next(),
                Some(setting) => Some(setting.to_owned()),
                None => {
                    rest.push(word);
                    continue;
                }
            };
            let pair = setting.as_deref().and_then(|setting| setting.split_once('='));
            let (name, value) = pair.ok_or(ConnectionError::Options)?;
            own.push((name.trim().replace('-', "_"), value.to_owned()));
        }
        let rest = (!rest.is_empty()).then(|| rest.join(" "));
        Ok((Self { own, schema: None }, rest))
    }

    /// Makes sessions work in this schema.
    pub(super) fn in_schema(&mut self, schema: &str) {
        self.schema = Some(schema.to_owned());
    }

    /// Statements that apply the settings and mark the session with this name.
    pub(super) fn telling(&self, name: Uuid) -> String {
        let mut sql = String::from("select ");
        let path =
            self.schema.as_ref().map(|schema| format!("\"{}\"", schema.replace('"', "\"\"")));
        let path = path.iter().map(|path| ("search_path", path.as_str()));
        let own = self.own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in DEFAULTS.into_iter().chain(own).chain(path).chain(PINNED) {
            let _ = write!(sql, "set_config({}, {}, false), ", literal(name), literal(value));
        }
        let _ = write!(sql, "set_config('keyfold.session', '{name}', false); {INHERITED}");
        sql
    }

    /// Statement that checks a session of this name, in a transaction after that.
    pub(super) fn looking(&self, name: Uuid) -> String {
        let schema = self.schema.as_ref().map_or("current_schema()".to_owned(), |s| literal(s));
        let lent = literal(PER_TRANSACTION);
        format!(
            r"
do $$ declare problem text := case
    when current_setting('keyfold.session', true) is distinct from '{name}' then
        {lent}
    when getdatabaseencoding() <> 'UTF8' then
        format('the database has the encoding %s: make one with encoding UTF8 (createdb --encoding UTF8 --template template0)',
               getdatabaseencoding())
    when current_schema() is null or current_schema() <> {schema} then
        format('the search_path (%s) names no schema that exists: make one (create schema), or change the search_path',
               current_setting('search_path'))
    when octet_length(current_schema()) > {LONGEST_SCHEMA} then
        format('the name of the schema %s is longer than {LONGEST_SCHEMA} bytes', current_schema())
    when current_setting('session_replication_role') <> 'origin' then
        'session_replication_role is not origin, which switches triggers off: reset it for this role and database'
end;
begin
    if problem is not null then
        raise exception using errcode = 'KF010', message = problem;
    end if;
end $$"
        )
    }
}

/// Splits `options` into words: white space separates them, a backslash quotes the next character.
fn words(options: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().extend(characters.next()),
            space if space.is_ascii_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// Quotes a text for SQL, whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &str) -> (Vec<(String, String)>, Option<String>) {
        let (settings, rest) = Settings::of_options(options).unwrap();
        (settings.own, rest)
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn options_are_read_as_a_server_process_reads_them() {
        let options =
            r"-c work_mem=8MB -csearch_path=a,b --lock-timeout=1s -c application_name=a\ b";
        let expected = pairs(&[
            ("work_mem", "8MB"),
            ("search_path", "a,b"),
            ("lock_timeout", "1s"),
            ("application_name", "a b"),
        ]);
        assert_eq!(read(options), (expected, None));
        assert_eq!(read("  "), (vec![], None));
        for broken in ["-c", "-c work_mem", "--work_mem"] {
            assert!(matches!(Settings::of_options(broken), Err(ConnectionError::Options)));
        }
    }

    #[test]
    fn what_is_no_setting_is_for_whoever_stands_in_front_of_the_server() {
        let (own, rest) = read("endpoint=quiet-sea -c work_mem=8MB project=x");
        assert_eq!(
            (own, rest),
            (pairs(&[("work_mem", "8MB")]), Some("endpoint=quiet-sea project=x".to_owned()))
        );
    }

    #[test]
    fn what_the_user_says_comes_after_the_defaults_and_before_what_is_pinned() {
        let (mut settings, _) = Settings::of_options(
            "-c lock_timeout=1s -c default_transaction_isolation=serializable",
        )
        .unwrap();
        settings.in_schema(r#"my "own" \schema's"#);
        let told = settings.telling(Uuid::nil());
        let at = |text: &str| told.rfind(text).unwrap();
        assert!(at("'lock_timeout', E'8s'") < at("'lock_timeout', E'1s'"));
        assert!(at("E'serializable'") < at("E'read committed'"));
        assert!(
            told.contains(r#"set_config(E'search_path', E'"my ""own"" \\schema''s"', false)"#),
            "{told}"
        );
    }
}
