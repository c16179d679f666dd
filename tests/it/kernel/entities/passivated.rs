//! Commands of bulk work, which use every entity once.

use futures_util::future::join_all;
use keyfold::eventlog::Context;

use super::counter::{Command, LONG, Node, stream};

async fn add_in_passing(node: &Node, name: &str) -> Result<i64, String> {
    let added =
        node.counters.execute_passivated(&stream(name), Command::Add(1), Context::default()).await;
    added.map(|outcome| outcome.published.state).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_bulk_takes_no_entity_into_memory() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    for round in 1..=2 {
        for number in 0..200 {
            assert_eq!(add_in_passing(&node, &number.to_string()).await, Ok(round));
        }
    }
    assert_eq!(node.counters.alive(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_bulk_beside_others_on_the_same_entity_is_neither_lost_nor_done_twice() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    for round in 0..20 {
        let name = format!("counter {round}");
        let in_bulk = join_all((0..3).map(|_| add_in_passing(&node, &name)));
        let active = join_all((0..3).map(|_| node.add(&name, 1)));
        let (in_bulk, active) = tokio::join!(in_bulk, active);
        let mut states: Vec<_> = in_bulk.into_iter().chain(active).map(Result::unwrap).collect();
        states.sort_unstable();
        assert_eq!(states, [1, 2, 3, 4, 5, 6]);
        assert_eq!(node.value(&name).await, 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_command_in_bulk_is_an_answer() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    let refused =
        node.counters.execute_passivated(&stream("a"), Command::Add(0), Context::default()).await;
    assert_eq!(refused.err().unwrap().to_string(), "nothing to add");
    assert_eq!((node.value("a").await, add_in_passing(&node, "a").await), (0, Ok(1)));
}
