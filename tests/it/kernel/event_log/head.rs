//! The head of the log under a snapshot that stays open.

use keyfold::base::id::Id;
use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::Log;
use crate::support::app::START;
use crate::tidy;

/// Batches of one event each, committed one by one.
const BATCHES: &str = "\
do $$ begin
    for number in 1..16000 loop
        insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
        values (events_lock() + 1, 'stream-' || number, 1, 0, gen_random_uuid(), 'Foreign', 1, '{}', '{}', now());
        commit;
    end loop;
end $$";

/// The buffers that the appender's own statement touches, for one event.
async fn buffers_of_a_batch(client: &Client) -> i64 {
    let statements = tidy::sql::statements();
    let insert = statements.iter().find(|text| text.contains("insert into events")).unwrap();
    let explain = format!("explain (analyze, buffers, format json) {insert}");
    let stream = format!("probe-{}", Id::<()>::at(START));
    let (streams, expected, versions) = (vec![stream.as_str()], vec![0_i64], vec![1_i64]);
    let (slices, schemas, names) = (vec![0_i16], vec![1_i16], vec!["Foreign"]);
    let (ids, documents) = (vec![Id::<()>::at(START).uuid()], vec![serde_json::json!({})]);
    let times = vec![jiff::Timestamp::UNIX_EPOCH];
    let params: [&(dyn ToSql + Sync); 14] = [
        &1_i64, &streams, &versions, &slices, &ids, &names, &schemas, &documents, &documents,
        &times, &"nobody", &streams, &expected, &0_i64,
    ];
    let report: Value = client.query_one(&explain, &params).await.unwrap().get(0);
    let plan = &report[0]["Plan"];
    let touched =
        ["Shared Hit Blocks", "Shared Read Blocks"].map(|key| plan[key].as_i64().unwrap());
    touched.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_touches_as_many_buffers_after_16_000_batches_under_an_open_snapshot() {
    let log = Log::open().await;
    log.append("a", 0, &["One"]).await.unwrap();
    let reader = log.connection.connect().await.unwrap().client;
    reader
        .batch_execute("begin isolation level repeatable read; select count(*) from events")
        .await
        .unwrap();
    let writer = log.connection.connect().await.unwrap().client;
    // Statistics that change make PostgreSQL plan anew, which reads the catalogue.
    let still = "alter table events set (autovacuum_enabled = off)";
    writer.batch_execute(still).await.unwrap();
    // The first run of a statement in a session reads the catalogue too.
    buffers_of_a_batch(&writer).await;
    let before = buffers_of_a_batch(&writer).await;
    writer.batch_execute("set statement_timeout = 0").await.unwrap();
    writer.batch_execute("set synchronous_commit = off").await.unwrap();
    writer.batch_execute(BATCHES).await.unwrap();
    buffers_of_a_batch(&writer).await;
    let after = buffers_of_a_batch(&writer).await;
    // Each of the indexes may have grown by a level.
    assert!(after <= before + 12, "{before} buffers before, {after} after");
    reader.batch_execute("commit").await.unwrap();
    assert_eq!(log.text("select count(*)::text from events").await, "16005");
}
