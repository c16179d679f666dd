//! Entities: they die alone, leave memory when idle, and never exceed their number.

mod bounds;
mod counter;
mod passivated;
mod records;
mod snapshots;
mod watching;

use std::time::Duration;

use self::counter::{Command, LONG, Node};

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_panics_takes_nobody_with_it_and_the_next_command_works() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    node.add("a", 1).await.unwrap();
    node.add("b", 10).await.unwrap();
    assert_eq!(
        node.execute("a", Command::Panic).await,
        Err("the entity did not answer".to_owned())
    );
    assert_eq!(node.add("a", 1).await, Ok(2));
    assert_eq!(node.add("b", 10).await, Ok(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_wait_behind_a_panic_are_answered() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    let commands = (0..50).map(|number| {
        let command = if number % 10 == 5 { Command::Panic } else { Command::Add(1) };
        node.execute("a", command)
    });
    let outcomes = futures_util::future::join_all(commands).await;
    let done = i64::try_from(outcomes.iter().filter(|outcome| outcome.is_ok()).count()).unwrap();
    assert_eq!(node.value("a").await, done, "what was answered as done is done, and nothing else");
    assert_eq!(node.add("a", 1).await, Ok(done + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_command_is_an_answer_and_changes_nothing() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    assert_eq!(node.add("a", 0).await, Err("nothing to add".to_owned()));
    assert_eq!((node.add("a", 5).await, node.value("a").await), (Ok(5), 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_the_configured_number_of_entities_is_alive() {
    let node = Node::<false>::start(3, LONG, 1_000).await;
    for round in 1..=3 {
        for number in 0..20 {
            assert_eq!(node.add(&number.to_string(), 1).await, Ok(round));
            assert!(node.counters.alive() <= 3, "{} alive", node.counters.alive());
        }
    }
    let all = (0..20).map(|number| {
        let node = &node;
        async move { node.add(&number.to_string(), 1).await }
    });
    assert_eq!(futures_util::future::join_all(all).await, vec![Ok(4); 20]);
    assert!(node.counters.alive() <= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_entity_leaves_memory_and_comes_back_as_it_was() {
    let node = Node::<false>::start(100, Duration::from_millis(50), 1_000).await;
    node.add("a", 5).await.unwrap();
    node.emptied().await;
    assert_eq!((node.value("a").await, node.add("a", 1).await), (5, Ok(6)));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_is_lost_while_its_entity_is_passivated_again_and_again() {
    let node = Node::<false>::start(1, Duration::from_millis(1), 1_000).await;
    let commands = (0..400).map(|number| {
        let node = &node;
        // Two entities that evict each other from the only place.
        async move { node.add(if number % 2 == 0 { "a" } else { "b" }, 1).await }
    });
    let outcomes = futures_util::future::join_all(commands).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!((node.value("a").await, node.value("b").await), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_with_a_full_queue_refuses() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    let commands = (0..2_000).map(|_| node.add("a", 1));
    let outcomes = futures_util::future::join_all(commands).await;
    let done = i64::try_from(outcomes.iter().filter(|outcome| outcome.is_ok()).count()).unwrap();
    let refused = Err("the entity's queue is full".to_owned());
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == refused), "{outcomes:?}");
    assert!(done < 2_000, "the queue is bounded");
    assert_eq!(node.value("a").await, done);
}
