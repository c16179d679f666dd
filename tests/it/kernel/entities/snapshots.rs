//! Snapshots: they shorten loading, are left behind, and tell how things were, but are never a source.

use std::time::Duration;

use keyfold::eventlog::log::snapshot::SnapshotInfo;

use super::counter::{Counter, LONG, Node, stream};
use crate::support::process::until;

/// Every snapshot, in order of version; those that stay are marked.
const SNAPSHOTS: &str = "\
    select format('%s %s at %s%s', stream, state, version, case when kept then ' kept' else '' end) \
    from snapshots order by stream, version";

const SOON: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_shortens_loading_and_is_never_a_source() {
    let node = Node::<false>::start(100, LONG, 10).await;
    for _ in 0..25 {
        node.add("a", 1).await.unwrap();
    }
    // It is taken beside the commands, so it may be a little later than due.
    let right = "select version::text from snapshots where version between 20 and 25 and state::text = version::text";
    until("the second snapshot is taken", async || node.texts(right).await.len() == 1).await;
    assert_eq!(node.texts(SNAPSHOTS).await.len(), 1, "the first one is removed");

    // A snapshot is believed; one of another shape, one that does not parse, and none at all, are done without.
    for (change, expected) in [
        ("update snapshots set state = to_json(version + 1000)", 1025),
        ("update snapshots set schema = 2", 25),
        ("update snapshots set schema = 1, state = '\"x\"'", 25),
        ("delete from snapshots", 25),
    ] {
        node.sql(change).await;
        assert_eq!(node.another().await.value("a").await, expected, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_leaves_memory_leaves_a_snapshot_of_everything_behind() {
    let node = Node::<false>::start(100, SOON, 1_000).await;
    for (amount, left) in [(5, "counter-a 5 at 1"), (2, "counter-a 7 at 2")] {
        node.add("a", amount).await.unwrap();
        node.emptied().await;
        assert_eq!(node.texts(SNAPSHOTS).await, [left]);
    }
    // The state is the snapshot's, so no event was read.
    node.sql("update snapshots set state = '1000'").await;
    assert_eq!(node.value("a").await, 1_000);
    node.emptied().await;
    assert_eq!(node.texts(SNAPSHOTS).await, ["counter-a 1000 at 2"], "nothing has happened since");
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_of_a_node_that_stops_leave_snapshots_behind() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    for name in ["a", "b", "c"] {
        node.add(name, 3).await.unwrap();
    }
    node.counters.drain().await;
    let left = ["counter-a 3 at 1", "counter-b 3 at 1", "counter-c 3 at 1"];
    assert_eq!(node.texts(SNAPSHOTS).await, left);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_leaves_although_its_snapshot_cannot_be_stored() {
    let node = Node::<false>::start(100, SOON, 1_000).await;
    node.sql("alter table snapshots add constraint none check (version = 0)").await;
    node.add("a", 5).await.unwrap();
    node.emptied().await;
    assert_eq!((node.value("a").await, node.add("a", 1).await), (5, Ok(6)));
    assert_eq!(node.texts(SNAPSHOTS).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn regular_snapshots_stay_for_ever_however_often_the_entity_leaves_between_them() {
    let node = Node::<true>::start(100, SOON, 3).await;
    for _ in 0..7 {
        node.add("a", 1).await.unwrap();
        node.emptied().await;
    }
    let kept = ["counter-a 3 at 3 kept", "counter-a 6 at 6 kept", "counter-a 7 at 7"];
    assert_eq!(node.texts(SNAPSHOTS).await, kept);
    assert_eq!(node.another().await.value("a").await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_another_shape_is_removed_by_the_next_one() {
    let node = Node::<true>::start(100, SOON, 1).await;
    node.add("a", 1).await.unwrap();
    node.add("b", 1).await.unwrap();
    node.emptied().await;
    node.sql("update snapshots set schema = 2").await;
    node.add("a", 1).await.unwrap();
    node.emptied().await;
    assert_eq!(node.texts(SNAPSHOTS).await, ["counter-a 2 at 2 kept", "counter-b 1 at 1 kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_long_ago_is_that_of_its_version_whatever_snapshots_there_are() {
    let node = Node::<true>::start(100, SOON, 4).await;
    for amount in 1..=10 {
        node.add("a", amount).await.unwrap();
        node.emptied().await;
    }
    let stream = stream("a");
    let states = async || {
        let mut states = Vec::new();
        for version in [-1, 0, 1, 3, 4, 5, 8, 9, 10, 11, i64::MAX] {
            let then = node.log.hydrate_at::<Counter<true>>(&stream, version).await.unwrap();
            states.push((then.version, then.state));
        }
        states
    };
    let right = [
        (0, 0),
        (0, 0),
        (1, 1),
        (3, 6),
        (4, 10),
        (5, 15),
        (8, 36),
        (9, 45),
        (10, 55),
        (10, 55),
        (10, 55),
    ];
    assert_eq!(states().await, right);

    // The nearest one that can be read is believed.
    node.sql("update snapshots set state = to_json(1000 + version)").await;
    let believed = [
        (0, 0),
        (0, 0),
        (1, 1),
        (3, 6),
        (4, 1004),
        (5, 1009),
        (8, 1008),
        (9, 1017),
        (10, 1010),
        (10, 1010),
        (10, 1010),
    ];
    assert_eq!(states().await, believed);
    node.sql("update snapshots set state = '\"x\"' where version > 4").await;
    let nearest = [
        (0, 0),
        (0, 0),
        (1, 1),
        (3, 6),
        (4, 1004),
        (5, 1009),
        (8, 1030),
        (9, 1039),
        (10, 1049),
        (10, 1049),
        (10, 1049),
    ];
    assert_eq!(states().await, nearest);
    node.sql("delete from snapshots").await;
    assert_eq!(states().await, right);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_comes_late_takes_no_newer_ones_place() {
    let node = Node::<true>::start(100, LONG, 1_000).await;
    let stream = stream("a");
    for _ in 0..9 {
        node.add("a", 1).await.unwrap();
    }
    // The first number is the version; every fourth one is regular.
    let before = SnapshotInfo::default();
    for (version, every) in [(8, 1_000), (6, 1_000), (7, 4), (9, 1_000), (8, 1_000), (9, 4)] {
        let then = node.log.hydrate_at::<Counter<true>>(&stream, version).await.unwrap();
        let then = std::sync::Arc::new(then);
        node.log.save_snapshot(&stream, &then, before, every).await.unwrap();
        let newest = node.log.hydrate::<Counter<true>>(&stream).await.unwrap();
        assert_eq!(newest.published.state, 9);
        assert!(newest.snapshot.version >= version, "the newer one is kept");
    }
    let left = ["counter-a 7 at 7 kept", "counter-a 9 at 9 kept"];
    assert_eq!(node.texts(SNAPSHOTS).await, left);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_stream_are_read_by_version() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    for amount in 1..=5 {
        node.add("a", amount).await.unwrap();
        node.add("b", 100).await.unwrap();
    }
    let read = async |after, limit| {
        let events = node.log.read_stream(&stream("a"), after, limit).await.unwrap();
        let shown = events.iter().map(|event| {
            format!("{}@{} {} {}", event.stream, event.version, event.name, event.data)
        });
        shown.collect::<Vec<_>>()
    };
    let third = r#"counter-a@3 Added {"amount":3}"#;
    let fourth = r#"counter-a@4 Added {"amount":4}"#;
    let fifth = r#"counter-a@5 Added {"amount":5}"#;
    assert_eq!(read(2, 2).await, [third, fourth]);
    assert_eq!(read(2, 100).await, [third, fourth, fifth]);
    assert_eq!(read(5, 100).await, [""; 0]);
    assert_eq!(read(0, 100).await.len(), 5);
}
