//! The event log's contract, against the log itself.

mod following;
mod head;
mod refusals;
mod replaying;

use keyfold::base::id::Id;
use keyfold::capacity::budget::{Budget, Purpose};
use keyfold::eventlog::log::append::appender;
use keyfold::eventlog::log::append::appender::Appender;
use keyfold::eventlog::log::append::request::Appended;
use keyfold::eventlog::log::reader::{head, read_log};
use keyfold::eventlog::{
    Append, DecodeError, EventView, NewEvent, Projection, Projections, Statement, StoreError,
    StreamName,
};
use keyfold::postgres::{Connection, Pool, migrate};

use crate::support::app::START;
use crate::support::postgres;

/// A read model that counts events per stream and refuses the event named `Refused`.
struct Counting;

impl Projection for Counting {
    fn tables(&self) -> &'static [&'static str] {
        &["counts"]
    }

    fn project(&self, event: &EventView<'_>) -> Result<Vec<Statement>, DecodeError> {
        let amount = if event.name == "Refused" { -100_i64 } else { 1 };
        // The sequence counts how often it is tried: it is not taken back with a transaction.
        let sql = "insert into counts (stream, amount) select $1, $2 + 0 * nextval('tried')
                   on conflict (stream) do update set amount = counts.amount + $2";
        Ok(vec![Statement::new(sql, vec![Box::new(event.stream.to_owned()), Box::new(amount)])])
    }
}

struct Log {
    connection: Connection,
    appender: Appender,
}

impl Log {
    async fn open() -> Self {
        Self::on(postgres::new_schema().await).await
    }

    async fn on(connection: Connection) -> Self {
        Self::limited(connection, usize::MAX).await
    }

    async fn with_budget(bytes: usize) -> Self {
        Self::limited(postgres::new_schema().await, bytes).await
    }

    async fn limited(connection: Connection, bytes: usize) -> Self {
        migrate(&connection).await.unwrap();
        let link = connection.connect().await.unwrap();
        let counts = "create table counts (stream text primary key, amount bigint constraint positive check (amount > 0));
                      create sequence tried";
        link.client.batch_execute(counts).await.unwrap();
        let pool = Pool::new(&connection, "readers", 2).unwrap();
        let projections = Projections::new(vec![Box::new(Counting)]);
        let budget = Budget::new(Purpose::Appends, bytes, bytes);
        let setup = postgres::appender(pool, projections);
        let (appender, writer) = appender::channel(appender::Setup { budget, ..setup });
        tokio::spawn(writer.run());
        Self { connection, appender }
    }

    async fn append(
        &self,
        stream: &str,
        expected: i64,
        names: &[&'static str],
    ) -> Result<Appended, String> {
        let append = append(stream, expected, names);
        self.appender.append(append).await.map_err(|error| format!("{error:?}"))
    }

    /// `stream@version` of every event, by position; the positions must be 1, 2, 3 …
    async fn contents(&self) -> Vec<String> {
        let link = self.connection.connect().await.unwrap();
        let events = read_log(&link.client, 0, 10_000, None).await.unwrap();
        let positions: Vec<_> = events.iter().map(|event| event.position).collect();
        let last = head(&link.client).await.unwrap();
        assert_eq!(positions, (1..=last).collect::<Vec<_>>());
        events.iter().map(|event| format!("{}@{}", event.stream, event.version)).collect()
    }

    async fn refused(&self, sql: &str) -> String {
        let link = self.connection.connect().await.unwrap();
        let error = link.client.batch_execute(sql).await.unwrap_err();
        error.as_db_error().unwrap().message().to_owned()
    }

    async fn text(&self, sql: &str) -> String {
        let link = self.connection.connect().await.unwrap();
        link.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

fn append(stream: &str, expected: i64, names: &[&'static str]) -> Append {
    let event = |name: &&'static str| NewEvent {
        event_id: Id::<()>::at(START).uuid(),
        name,
        schema: 1,
        data: "{}".to_owned(),
        context: b"{}".as_slice().into(),
        recorded_at: START,
    };
    let events = names.iter().map(event).collect();
    Append::new(StreamName::singleton(stream), expected, events)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_needs_the_version_its_stream_has() {
    let log = Log::open().await;
    assert_eq!(
        log.append("a", 0, &["One", "Two"]).await,
        Ok(Appended { version: 2, position: Some(1) })
    );
    assert_eq!(
        log.append("a", 2, &["Three"]).await,
        Ok(Appended { version: 3, position: Some(3) })
    );
    for expected in [0, 1, 2, 4, 100] {
        assert_eq!(
            log.append("a", expected, &["Late"]).await,
            Err("Conflict".to_owned()),
            "expected {expected}"
        );
    }
    assert_eq!(log.append("b", 1, &["Early"]).await, Err("Conflict".to_owned()));
    assert_eq!(log.contents().await, ["a@1", "a@2", "a@3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_cannot_be_rewritten_by_anybody() {
    let log = Log::open().await;
    log.append("a", 0, &["One"]).await.unwrap();
    let refusal = |operation: &str| format!("the event log is append-only: {operation} is refused");
    assert_eq!(log.refused("update events set type = 'Other'").await, refusal("UPDATE"));
    assert_eq!(log.refused("delete from events").await, refusal("DELETE"));
    assert_eq!(log.refused("truncate events").await, refusal("TRUNCATE"));
    assert_eq!(log.contents().await, ["a@1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_leaves_a_hole_in_the_log() {
    let log = Log::open().await;
    log.append("a", 0, &["One"]).await.unwrap();
    let insert = |position: i64| {
        format!(
            "insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
             values ({position}, 'b', 1, 0, gen_random_uuid(), 'Foreign', 1, '{{}}', '{{}}', now())"
        )
    };
    for ahead in [3, 4, 1_000_000] {
        assert_eq!(log.refused(&insert(ahead)).await, "positions must continue the log");
    }
    let positive =
        r#"new row for relation "events" violates check constraint "events_position_check""#;
    assert_eq!(log.refused(&insert(0)).await, positive);
    assert_eq!(log.contents().await, ["a@1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_append_does_not_fail_its_neighbours() {
    let log = Log::open().await;
    log.append("taken", 0, &["One"]).await.unwrap();
    // Polled together, they are queued together and written as one batch.
    let appends = (0..20).map(|number| {
        let log = &log;
        async move {
            match number % 5 {
                1 => log.append("taken", 0, &["Late"]).await,
                2 => log.append("ahead", 7, &["Early"]).await,
                3 => log.append("refused", 0, &["One", "Refused"]).await,
                _ => log.append(&format!("good{number}"), 0, &["One", "Two"]).await,
            }
        }
    });
    let outcomes = futures_util::future::join_all(appends).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match number % 5 {
            1 | 2 => assert_eq!(outcome, &Err("Conflict".to_owned())),
            3 => assert_eq!(outcome, &Err("Constraint(\"positive\")".to_owned())),
            _ => assert_eq!(outcome.as_ref().map(|appended| appended.version), Ok(2)),
        }
    }
    assert_eq!(log.contents().await.len(), 1 + 2 * 8);
    assert_eq!(log.text("select sum(amount)::text from counts").await, "17");
}

/// An append of a row in `counts`, which no node follows.
fn row(stream: &str, amount: i64) -> Append {
    let sql = "insert into counts (stream, amount) values ($1, $2)";
    let row = Statement::new(sql, vec![Box::new(stream.to_owned()), Box::new(amount)]);
    append("rows", 7, &[]).also_write(row)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_events_are_written_and_leave_the_log_alone() {
    let log = Log::open().await;
    let mut listening = log.connection.connect().await.unwrap();
    let listen = "do $$ begin execute format('listen %I', 'keyfold:' || current_schema()); end $$";
    listening.client.batch_execute(listen).await.unwrap();

    let written = |position| Ok(Appended { version: 7, position });
    let outcome = log.appender.append(row("alone", 1)).await;
    assert_eq!(outcome.map_err(|error| error.to_string()), written(None));
    assert_eq!(log.text("select count(*)::text from events").await, "0");
    // The first notification is of the first event.
    log.append("a", 0, &["One"]).await.unwrap();
    let told = listening.notifications.recv().await.unwrap().payload().to_owned();
    assert!(told.ends_with(" 1 1"), "{told}");

    // Polled together, they are queued together and written as one batch.
    let appends = [row("x", 2), append("a", 1, &["Two"]), row("y", -2), row("z", 3)];
    let appends = appends.map(|append| log.appender.append(append));
    let outcomes = futures_util::future::join_all(appends).await;
    let outcomes: Vec<_> =
        outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.to_string())).collect();
    let refused = Err("constraint positive refused the write".to_owned());
    let second = Ok(Appended { version: 2, position: Some(2) });
    assert_eq!(outcomes, [written(None), second, refused, written(None)]);
    assert_eq!(log.contents().await, ["a@1", "a@2"]);
    let counts = "select string_agg(stream || amount, ' ' order by stream) from counts";
    assert_eq!(log.text(counts).await, "a2 alone1 x2 z3");
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_gapless_whatever_the_concurrency() {
    let log = Log::open().await;
    let streams = (0..16).map(|number| {
        let log = &log;
        async move {
            for version in 0..20 {
                log.append(&format!("s{number}"), version, &["Next"]).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(streams).await;
    assert_eq!(log.contents().await.len(), 320);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_append_to_one_stream_take_turns_or_conflict() {
    let log = Log::open().await;
    let pool = Pool::new(&log.connection, "readers", 2).unwrap();
    let (other, writer) = appender::channel(postgres::appender(pool, Projections::default()));
    tokio::spawn(writer.run());
    let contenders = [log.appender.clone(), other].map(|appender| async move {
        let (mut version, mut won) = (0, 0);
        while version < 40 {
            match appender.append(append("shared", version, &["Next"])).await {
                Ok(appended) => {
                    version = appended.version;
                    won += 1;
                }
                Err(StoreError::Conflict) => version += 1,
                Err(other) => panic!("{other}"),
            }
        }
        won
    });
    let won: i64 = futures_util::future::join_all(contenders).await.into_iter().sum();
    let contents = log.contents().await;
    assert_eq!(contents, (1..=won).map(|version| format!("shared@{version}")).collect::<Vec<_>>());
}
