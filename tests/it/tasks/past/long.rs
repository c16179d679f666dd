//! Long histories stay cheap: an entity hydrates from a snapshot and the few events after it.

use std::time::Duration;

use keyfold::base::clock::Clock;
use keyfold::eventlog::log::retention::Retention;
use keyfold::postgres::Pool;
use serde_json::{Value, json};

use super::{all, get, id, patch, redo, tasks, undo};
use crate::support::app::{TestApp, number, v};
use crate::support::process::until;
use crate::support::user::TestUser;

/// Number of events between two snapshots.
const EVERY: i64 = 500;

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_every_so_many_events_and_when_a_list_leaves_memory() {
    let mut app = TestApp::spawn_with(|config| {
        config.entities.snapshot_every = 4;
        config.entities.idle_after = Duration::from_hours(1);
    })
    .await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    let kept = "select coalesce(string_agg(version::text, ' ' order by version), '')
                from snapshots where kept and stream like 'tasks-%'";
    // One is taken beside the changes, so the next change may come before it is there.
    for (number, expected) in [(3, "4"), (4, "4 8"), (2, "4 8")] {
        for _ in 0..number {
            let title = format!("{} more", ada.titles().await[0]);
            patch(&ada, &milk, json!({"title": title})).await;
        }
        until("the snapshot is taken", async || app.query_text(kept).await == expected).await;
    }
    app.stop().await;
    let newest = "select max(version)::text from snapshots where stream like 'tasks-%'";
    assert_eq!(app.query_text(newest).await, "10");
    assert_eq!(app.query_text(kept).await, "4 8");
}

/// Events of one task, each with another title, as the server would have written them, and the snapshots it would have
/// taken. The snapshots say so in the task's description, which no event tells of: it shows what a list was loaded from.
async fn lengthen(app: &TestApp, ada: &TestUser, task: &Value, events: i64) {
    let statements = format!(
        "begin;
         set local synchronous_commit = off;
         create temporary table place on commit drop as
             select stream, slice, context, recorded_at, data ->> 'at' as at,
                    events_lock() as head
             from events where stream = 'tasks-{owner}' and version = 1;
         insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
         select head + version - 1, stream, version, slice, gen_random_uuid(), 'TaskChanged', 1,
                json_build_object('taskId', '{task}', 'before', json_build_object('title', 'title ' || version - 1),
                                  'after', json_build_object('title', 'title ' || version),
                                  'previous', version - 1, 'at', at, 'mark', 'Zk3x_9Qa',
                                  'step', json_build_object('below', json_build_array(version - 1, version - 1))),
                context, recorded_at
         from place, generate_series(2, {events}) version order by version;
         create temporary table model on commit drop as
             select state::jsonb as state from snapshots where stream = 'tasks-{owner}';
         delete from snapshots where stream = 'tasks-{owner}';
         insert into snapshots (stream, schema, version, kept, state, taken_at)
         select 'tasks-{owner}', 1, version, true,
                jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(state,
                    '{{version}}', to_jsonb(version || '.Zk3x_9Qa')),
                    '{{undo}}', jsonb_build_array(version, version)),
                    '{{tasks,0,version}}', to_jsonb(version || '.Zk3x_9Qa')),
                    '{{tasks,0,content,title}}', to_jsonb('title ' || version)),
                    '{{tasks,0,content,description}}', to_jsonb('snapshot ' || version))::json, now()
         from model, generate_series({EVERY}, {events}, {EVERY}) version;
         insert into snapshots (stream, schema, version, kept, state, taken_at)
         select stream, schema, {events} - 3, false,
                jsonb_set(jsonb_set(jsonb_set(jsonb_set(state::jsonb,
                    '{{version}}', to_jsonb(({events} - 3) || '.Zk3x_9Qa')),
                    '{{undo}}', jsonb_build_array({events} - 3, {events} - 3)),
                    '{{tasks,0,content,title}}', to_jsonb('title ' || {events} - 3)),
                    '{{tasks,0,content,description}}', to_jsonb('snapshot ' || {events} - 3))::json, now()
         from snapshots where stream = 'tasks-{owner}' and version = {events};
         delete from snapshots where stream = 'tasks-{owner}' and version = {events};
         commit;",
        owner = ada.id,
        task = id(task),
    );
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute("set statement_timeout = 0").await.unwrap();
    link.client.batch_execute(&statements).await.unwrap();
}

/// A list with a long history, that no server has in memory.
async fn long_lived(events: i64) -> (TestApp, TestUser, Value) {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let task = ada.create_task("title 1").await;
    app.stop().await;
    lengthen(&app, &ada, &task, events).await;
    app.restart().await;
    (app, ada, task)
}

/// The title of the only task, and the version of the snapshot it was loaded from.
fn loaded(page: &Value) -> (String, String) {
    let text = |name: &str| tasks(page)[0][name].as_str().unwrap_or_default().to_owned();
    (text("title"), text("description"))
}

fn after(version: i64, snapshot: i64) -> (String, String) {
    let description = if snapshot == 0 { String::new() } else { format!("snapshot {snapshot}") };
    (format!("title {version}"), description)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_costs_only_the_events_since_the_nearest_snapshot() {
    const EVENTS: i64 = 200_000;
    let (_app, ada, task) = Box::pin(long_lived(EVENTS)).await;
    let now = all(&ada).await;
    assert_eq!(now["version"], v(EVENTS));
    assert_eq!(loaded(&now), after(EVENTS, EVENTS - 3), "three events were read");
    let middle = EVENTS / 2;
    for (version, snapshot) in [
        (middle + 1, middle),
        (middle + EVERY - 1, middle),
        (middle, middle),
        (middle - 1, middle - EVERY),
        (EVERY - 1, 0),
        (1, 0),
    ] {
        let then = get(&ada, &format!("?asOf={}", v(version))).await;
        assert_eq!(
            (loaded(&then), &then["version"]),
            (after(version, snapshot), &json!(v(version)))
        );
    }
    let difference = get(&ada, &format!("/diff?from={}&to={}", v(middle + 1), v(middle + 2))).await;
    let titles = (json!(format!("title {}", middle + 1)), json!(format!("title {}", middle + 2)));
    let expected = json!([{
        "taskId": id(&task), "before": {"title": titles.0}, "after": {"title": titles.1},
    }]);
    assert_eq!(difference["differences"], expected);
    let undone = undo(&ada).await.expect(200);
    assert_eq!(undone["version"], v(EVENTS + 1));
    assert_eq!(ada.titles().await, [format!("title {}", EVENTS - 1)]);
    redo(&ada).await.expect(200);
    assert_eq!(ada.titles().await, [format!("title {EVENTS}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_long_history_is_read_from_where_it_begins() {
    const EVENTS: i64 = 20_000;
    let (app, ada, task) = Box::pin(long_lived(EVENTS)).await;
    let of_task = format!("/{}", id(&task));
    let versions = |page: &Value| -> Vec<i64> {
        let changes = page["changes"].as_array().unwrap().iter();
        changes.map(|change| number(&change["version"])).collect()
    };
    for of in [&*of_task, ""] {
        let first = get(&ada, &format!("{of}/history?limit=3")).await;
        assert_eq!(versions(&first), [EVENTS, EVENTS - 1, EVENTS - 2]);
    }
    let place = 1_000;
    // Events that are not read need not be readable.
    let link = app.connection().connect().await.unwrap();
    let hide = format!(
        "alter table events disable trigger events_append_only;
         delete from events where stream = 'tasks-{}' and version between {place} + 1 and {EVENTS} - 10;
         alter table events enable trigger events_append_only",
        ada.id
    );
    link.client.batch_execute(&hide).await.unwrap();
    for of in [&*of_task, ""] {
        let history = async |query: &str| get(&ada, &format!("{of}/history?{query}")).await;
        let page = history(&format!("limit=3&before={}", v(place))).await;
        assert_eq!((versions(&page), &page["nextBefore"]), (vec![999, 998, 997], &json!(v(997))));
        let last = history(&format!("limit=3&before={}", v(3))).await;
        assert_eq!((versions(&last), &last["nextBefore"]), (vec![2, 1], &Value::Null));
        assert_eq!(versions(&history(&format!("before={}", v(1))).await), [0; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_snapshots_are_thinned_out_and_the_past_stays_as_it_was() {
    const EVENTS: i64 = 38_000;
    let (app, ada, _) = Box::pin(long_lived(EVENTS)).await;
    let link = app.connection().connect().await.unwrap();
    let of_another = "insert into snapshots (stream, schema, version, kept, state, taken_at)
                      select 'tasks-another', schema, version, kept, state, taken_at from snapshots
                      where version = 1000 and kept";
    link.client.batch_execute(of_another).await.unwrap();
    let left = "select string_agg(stream || ' ' || version, ', ' order by stream, version)
                from snapshots where stream like 'tasks-%'";
    let before = app.query_text(left).await;
    let pool = Pool::new(&app.connection(), "retention", 1).unwrap();
    let young = Duration::from_hours(90 * 24);
    let thin = async |ahead| {
        let clock = Clock::manual(Clock::system().now().after(ahead));
        Retention::new(pool.clone(), clock, young).thin().await.unwrap()
    };
    assert_eq!((thin(Duration::ZERO).await, app.query_text(left).await), (0, before));

    let gone = thin(young + Duration::from_hours(1)).await;
    // The first of each span, and the newest, however old it is.
    let own = [EVERY, 16_500, 33_000, EVENTS - 3];
    let own = own.map(|version| format!("tasks-{} {version}", ada.id)).join(", ");
    assert_eq!(app.query_text(left).await, format!("{own}, tasks-another 1000"));
    assert_eq!(gone, 75 - 3);
    assert_eq!(thin(young + Duration::from_hours(1)).await, 0, "nothing is left to do");
    for (version, snapshot) in
        [(16_499, EVERY), (16_500, 16_500), (32_999, 16_500), (EVENTS - 4, 33_000)]
    {
        let list = get(&ada, &format!("?asOf={}", v(version))).await;
        assert_eq!(loaded(&list), after(version, snapshot));
    }
}
