//! Watching: a reader of an entity learns of a newer version.

use std::sync::Arc;

use futures_util::FutureExt;
use keyfold::base::clock::Clock;
use keyfold::eventlog::cluster::follower;
use keyfold::eventlog::cluster::follower::{Member, Mode, Observer};
use keyfold::eventlog::entity::watch::MAX_WATCHES;
use keyfold::eventlog::{Entities, PassingEvent, StreamName};

use super::counter::{Counter, LONG, Node, stream};

#[tokio::test(flavor = "multi_thread")]
async fn what_this_node_commits_is_told_to_whoever_watches() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    let mut watch = node.counters.watch(&stream("a")).unwrap();
    node.add("b", 1).await.unwrap();
    assert_eq!(watch.newer_than(0).now_or_never(), None, "it is another stream");
    node.add("a", 1).await.unwrap();
    node.add("a", 1).await.unwrap();
    assert_eq!(watch.newer_than(0).await, Some(2));
    assert_eq!(watch.newer_than(2).now_or_never(), None);
    // A later watch begins with the newest version that is known.
    let mut later = node.counters.watch(&stream("a")).unwrap();
    assert_eq!(later.newer_than(1).now_or_never(), Some(Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_reads_and_then_waits_misses_nothing() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    let name = stream("a");
    let watching = async {
        let mut watch = node.counters.watch(&name).unwrap();
        loop {
            let seen = node.counters.read(&name).await.unwrap();
            if seen.state == 200 {
                return seen.version;
            }
            let newer = watch.newer_than(seen.version).await.unwrap();
            let read = node.counters.read(&name).await.unwrap();
            assert!(read.version >= newer, "what is told of can be read");
        }
    };
    let writing = async {
        for _ in 0..200 {
            node.add("a", 1).await.unwrap();
        }
    };
    assert_eq!(tokio::join!(watching, writing).0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_a_bounded_number_of_watches_that_end_with_the_node() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    let watch = || node.counters.watch(&stream("a"));
    let mut watches: Vec<_> = (0..MAX_WATCHES).map(|_| watch().unwrap()).collect();
    assert!(watch().is_none());
    watches.pop();
    watches.push(watch().unwrap());
    node.counters.drain().await;
    assert_eq!(watches[0].newer_than(0).await, None);
    assert!(watch().is_none());
}

/// Tells a node of what others write, as features do.
struct Hearing(Entities<Counter<false>>);

impl Observer for Hearing {
    fn observe(&self, event: &PassingEvent<'_>) {
        self.0.require(&StreamName::stored(event.stream), event.version);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_commits_is_told_too_whether_or_not_the_entity_is_in_memory() {
    let writer = Node::<false>::start(100, LONG, 1_000).await;
    let node = writer.another().await;
    let id = uuid::Uuid::from_u128(1);
    let (_, mut following) =
        follower::join(node.connection.clone(), Member::new(id, Mode::Single, Clock::system()))
            .await
            .unwrap();
    following.begin_at_head().await.unwrap();
    following.add_observer(Arc::new(Hearing(node.counters.clone())));
    tokio::spawn(following.run());

    let mut watch = node.counters.watch(&stream("a")).unwrap();
    writer.add("a", 5).await.unwrap();
    assert_eq!(watch.newer_than(0).await, Some(1));
    assert_eq!(node.counters.alive(), 0, "hearing of it loads nothing");
    assert_eq!(node.value("a").await, 5);
    writer.add("a", 2).await.unwrap();
    assert_eq!(watch.newer_than(1).await, Some(2));
    assert_eq!(node.value("a").await, 7);
}
