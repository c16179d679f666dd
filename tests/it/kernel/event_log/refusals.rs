//! Appends that are refused, and the cost to the others of their batch.

use futures_util::future::join_all;
use keyfold::eventlog::log::append::request::Appended;
use keyfold::postgres::Connection;

use super::{Log, append};
use crate::support::locked::Locked;
use crate::support::process::{DataDirectory, ExternalDatabase, Keyfold};

/// Appends these together: while the log is locked they wait for the same batch.
async fn in_one_batch(
    log: &Log,
    appends: impl IntoIterator<Item = (String, i64, Vec<&'static str>)>,
) -> Vec<Result<Appended, String>> {
    let lock = Locked::new(&log.connection).await;
    let first = async { log.append("first", 0, &["One"]).await.unwrap() };
    let others = async {
        lock.is_waited_for(1).await;
        // Polled together, they are queued together.
        let appends = appends.into_iter().map(|(stream, expected, names)| async move {
            log.append(&stream, expected, &names).await
        });
        tokio::join!(join_all(appends), lock.release()).0
    };
    tokio::join!(first, others).1
}

/// Nothing was inserted into the log and taken back: the rows of its only page have no gaps.
async fn assert_no_dead_rows(log: &Log) {
    let rows = "select count(*)::text || ' of ' || max((ctid::text::point)[1])::bigint from events where ctid < '(1,0)'";
    let rows = log.text(rows).await;
    let (count, last) = rows.split_once(" of ").unwrap();
    assert_eq!(count, last, "rows of the log's first page, and its last place");
}

/// Number of transactions that wrote the events of these streams.
async fn batches(log: &Log, streams: &str) -> String {
    let batches = "select count(distinct xmin::text)::text from events where stream like";
    log.text(&format!("{batches} '{streams}'")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_neighbours_of_refused_appends_are_one_batch_and_nothing_dead_is_left() {
    let log = Log::open().await;
    log.append("taken", 0, &["One"]).await.unwrap();
    let appends = (0..24).map(|number| match number % 4 {
        0 => (format!("refused{number}"), 0, vec!["One", "Refused"]),
        _ => (format!("good{number}"), 0, vec!["One"]),
    });
    let outcomes = in_one_batch(&log, appends).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match number % 4 {
            0 => assert_eq!(outcome, &Err("Constraint(\"positive\")".to_owned())),
            _ => assert_eq!(outcome.as_ref().map(|appended| appended.version), Ok(1)),
        }
    }
    assert_eq!(log.contents().await.len(), 2 + 18);
    assert_eq!(batches(&log, "good%").await, "1");
    assert_no_dead_rows(&log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_neighbours_of_conflicts_are_one_batch_and_nothing_dead_is_left() {
    let log = Log::open().await;
    // The first conflict of a while is found when the events are inserted; from then on versions are looked at first.
    assert_eq!(log.append("first-of-all", 7, &["Early"]).await, Err("Conflict".to_owned()));
    let link = log.connection.connect().await.unwrap();
    link.client.batch_execute("vacuum events").await.unwrap();
    for stream in ["taken0", "taken4", "taken8"] {
        log.append(stream, 0, &["One", "Two"]).await.unwrap();
    }
    let appends = (0..12).map(|number| match number % 4 {
        0 => (format!("taken{number}"), 1, vec!["Late"]),
        1 => (format!("ahead{number}"), 3, vec!["Early"]),
        2 => (format!("refused{number}"), 0, vec!["Refused"]),
        _ => (format!("good{number}"), 0, vec!["One"]),
    });
    let outcomes = in_one_batch(&log, appends).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match number % 4 {
            0 | 1 => assert_eq!(outcome, &Err("Conflict".to_owned())),
            2 => assert_eq!(outcome, &Err("Constraint(\"positive\")".to_owned())),
            _ => assert_eq!(outcome.as_ref().map(|appended| appended.version), Ok(1)),
        }
    }
    assert_eq!(batches(&log, "good%").await, "1");
    assert_no_dead_rows(&log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_refused_appends_cost_grows_with_their_number_and_no_faster() {
    let log = Log::open().await;
    let appends = (0..300).map(|number| match number % 2 {
        0 => (format!("refused{number}"), 0, vec!["Refused"]),
        _ => (format!("good{number}"), 0, vec!["One"]),
    });
    let outcomes = in_one_batch(&log, appends).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 150);
    // A sequence is not rolled back with its transaction.
    let tried: i64 = log.text("select nextval('tried')::text").await.parse().unwrap();
    assert!(tried <= 3 * 300, "{tried} statements for 300 appends");
    assert_eq!(batches(&log, "good%").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_appends_that_exclude_each_other_are_told_apart() {
    let log = Log::open().await;
    let unique = "create unique index one_of_a_kind on counts ((stream like 'twin%')) where stream like 'twin%'";
    let link = log.connection.connect().await.unwrap();
    link.client.batch_execute(unique).await.unwrap();
    let appends = ["twin1", "good1", "twin2", "good2", "twin3"];
    let appends = appends.map(|stream| (stream.to_owned(), 0, vec!["One"]));
    let outcomes = in_one_batch(&log, appends).await;
    let refused = Err("Constraint(\"one_of_a_kind\")".to_owned());
    let shown: Vec<_> =
        outcomes.into_iter().map(|outcome| outcome.map(|appended| appended.version)).collect();
    assert_eq!(shown, [Ok(1), Ok(1), refused.clone(), Ok(1), refused]);
    assert_eq!(log.contents().await, ["first@1", "twin1@1", "good1@1", "good2@1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_is_rolled_back_once() {
    let data = DataDirectory::new("refused");
    let server = Keyfold::in_directory(&data).serve().await;
    let log = Log::on(data.connection().await).await;
    let refused = log.append("refused", 0, &["Refused"]).await;
    assert_eq!(refused, Err("Constraint(\"positive\")".to_owned()));
    let appends = ["good", "refused"].map(|stream| (stream.to_owned(), 0, vec!["One", "Refused"]));
    let outcomes = in_one_batch(&log, appends).await;
    assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
    server.stop().await;
    let said = std::fs::read_to_string(data.path().join("postgres.log")).unwrap();
    assert!(!said.contains("there is no transaction in progress"), "{said}");
}

/// Makes inserting events of a type fail in this way.
async fn refuse_events(log: &Log, name: &str, code: &str) {
    let link = log.connection.connect().await.unwrap();
    let trigger = format!(
        "create function refuse() returns trigger language plpgsql as
             $$ begin raise exception 'refused' using errcode = '{code}'; end $$;
         create trigger refuse before insert on events for each row when (new.type = '{name}')
             execute function refuse()"
    );
    link.client.batch_execute(&trigger).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_takes_too_long_fails_alone() {
    let log = Log::open().await;
    // SQLSTATE of a statement timeout.
    refuse_events(&log, "Slow", "57014").await;
    let appends = (0..8).map(|number| match number {
        3 => ("slow".to_owned(), 0, vec!["Slow"]),
        _ => (format!("good{number}"), 0, vec!["One"]),
    });
    let outcomes = in_one_batch(&log, appends).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match (number, outcome) {
            (3, Err(error)) => assert!(error.starts_with("Unavailable("), "{error}"),
            (_, outcome) => assert_eq!(outcome.as_ref().map(|appended| appended.version), Ok(1)),
        }
    }
    assert_eq!(log.contents().await.len(), 1 + 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_events_the_log_refuses_fails_alone() {
    let log = Log::open().await;
    refuse_events(&log, "Broken", "22000").await;
    let appends = (0..8).map(|number| match number {
        3 => ("broken".to_owned(), 0, vec!["Broken"]),
        _ => (format!("good{number}"), 0, vec!["One"]),
    });
    let outcomes = in_one_batch(&log, appends).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match number {
            3 => assert_eq!(outcome, &Err("Refused(\"refused (22000)\")".to_owned())),
            _ => assert_eq!(outcome.as_ref().map(|appended| appended.version), Ok(1)),
        }
    }
    assert_eq!(log.contents().await.len(), 1 + 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_somebody_else_holds_the_log_every_append_is_refused_after_one_wait() {
    let database = ExternalDatabase::new().await;
    let impatient = Connection::parse(&format!("{}%20-clock_timeout=200ms", database.url)).unwrap();
    let log = Log::on(impatient).await;
    let lock = Locked::new(&database.connection).await;
    let appends = (0..20).map(|number| {
        let log = &log;
        async move { log.append(&format!("stream{number}"), 0, &["One"]).await }
    });
    for outcome in join_all(appends).await {
        let error = outcome.unwrap_err();
        assert!(error.starts_with("Unavailable("), "{error}");
    }
    lock.release().await;
    log.append("after", 0, &["One"]).await.unwrap();
    assert_eq!(log.contents().await, ["after@1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn short_appends_do_not_wait_behind_long_ones() {
    let log = Log::open().await;
    let imports = (0..6).map(|number| (format!("long{number}"), 0, vec!["One"; 600]));
    let changes = (0..3).map(|number| (format!("short{number}"), 0, vec!["One"]));
    let outcomes = in_one_batch(&log, imports.chain(changes)).await;
    let position = |place: usize| outcomes[place].as_ref().unwrap().position.unwrap();
    let (first_import, last_change) = ((0..6).map(position).min(), (6..9).map(position).max());
    assert!(first_import > last_change, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_beyond_the_budget_are_refused_before_they_wait() {
    let log = Log::with_budget(20_000).await;
    let lock = Locked::new(&log.connection).await;
    let appends: Vec<_> = (0..40)
        .map(|number| log.appender.append(append(&format!("s{number}"), 0, &["One"; 4])))
        .collect();
    let (outcomes, ()) = tokio::join!(join_all(appends), lock.release());
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let refused: Vec<_> = refused.map(ToString::to_string).collect();
    assert!(!refused.is_empty() && refused.len() < 40, "{}", refused.len());
    assert!(refused.iter().all(|error| error == "the appender's queue is full"), "{refused:?}");
    assert_eq!(log.contents().await.len(), 4 * (40 - refused.len()));
    // One that is larger than the whole budget is written by itself.
    log.append("large", 0, &["One"; 200]).await.unwrap();
}
