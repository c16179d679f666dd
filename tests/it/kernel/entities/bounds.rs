//! Limits of entities: bytes of commands, bytes of states, reads beside writes, and reads of the log.

use std::time::Duration;

use futures_util::future::join_all;
use keyfold::base::id::{Id, UserId};
use keyfold::capacity::memory::MemoryPlan;
use keyfold::eventlog::{CommandRequest, Context, Statement};

use super::counter::{Command, Counter, LONG, Node, stream};
use crate::support::process::until;

fn plan() -> MemoryPlan {
    MemoryPlan::of(400_000_000, 40_000_000)
}

fn user(number: u128) -> Context {
    let user_id: UserId = Id::from_uuid(uuid::Uuid::from_u128(number));
    Context { user_id: Some(user_id), ..Context::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_one_user_take_no_more_bytes_than_their_share_and_others_are_carried_out() {
    let node = Node::<false>::within(MemoryPlan { commands: 20_000, ..plan() }).await;
    // Nine commands are half of the budget, and wait.
    let waiting = node.blocked("ada", user(1), 9).await;
    let name = stream("ada");
    let add = || node.counters.execute(&name, CommandRequest::new(Command::Add(1), user(1)));
    assert_eq!(add().await.unwrap_err().to_string(), "the entity's queue is full");
    let grace = stream("grace");
    let grace = node.counters.execute(&grace, CommandRequest::new(Command::Add(1), user(2)));
    let (done, ()) = tokio::join!(grace, waiting.release());
    done.unwrap();
    add().await.unwrap();
    assert_eq!(node.value("ada").await, 10, "what was refused was not done");
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_whose_states_weigh_too_much_leave_and_come_back_as_they_were() {
    let node = Node::<false>::within(MemoryPlan { entities: 40_000, ..plan() }).await;
    for round in 1..=3 {
        for number in 0..100 {
            assert_eq!(node.add(&number.to_string(), 1).await, Ok(round));
        }
        until("the others have left", async || node.counters.alive() <= 20).await;
    }
    let all = join_all((0..100).map(|number| {
        let node = &node;
        async move { node.value(&number.to_string()).await }
    }));
    assert_eq!(all.await, vec![3; 100]);
    until("what was only read leaves too", async || node.counters.alive() <= 80).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_refused_to_begin_leaves_memory_at_once() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    for number in 0..10 {
        node.add(&number.to_string(), 0).await.unwrap_err();
    }
    node.emptied().await;
    node.add("a", 1).await.unwrap();
    node.add("a", 0).await.unwrap_err();
    assert_eq!((node.value("a").await, node.counters.alive()), (1, 1), "one that has begun stays");
}

/// Makes every snapshot of a stream wrong: a state that was read from one shows it.
async fn spoil_snapshots(node: &Node) {
    node.sql(
        "insert into snapshots (stream, schema, version, kept, state, taken_at) \
         select 'counter-a', 1, 1, false, '1000', now()",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_wrote_is_read_and_nothing_else() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    let other = node.another().await;
    node.add("a", 1).await.unwrap();
    spoil_snapshots(&node).await;
    other.add("a", 10).await.unwrap();
    node.counters.require(&stream("a"), 2);
    let read = node.value("a").await;
    assert_eq!(read % 1_000, 11, "the state is right");
    assert_eq!(read, 11, "no snapshot was read");
    // A lost race is caught up with as well.
    other.add("a", 100).await.unwrap();
    assert_eq!(node.add("a", 1_000_000).await, Ok(1_000_111));
    assert_eq!(node.value("a").await, 1_000_111);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_does_not_wait_for_the_running_append_though_another_node_wrote_meanwhile() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    let other = node.another().await;
    node.add("a", 1).await.unwrap();
    other.add("a", 10).await.unwrap();
    // The node has not heard of that event: its append conflicts, and waits.
    let waiting = node.blocked("a", user(1), 1).await;
    node.counters.require(&stream("a"), 2);
    let read = tokio::time::timeout(Duration::from_secs(10), node.value("a")).await;
    assert_eq!(read.unwrap(), 11, "while the append waits");
    waiting.release().await;
    assert_eq!(node.value("a").await, 12, "it was decided again, on what the other node wrote");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_to_blame_is_found_among_many_and_the_others_are_committed_together() {
    let node = Node::<false>::start(100, LONG, 1_000).await;
    node.sql("create table taken (name text primary key); insert into taken values ('b')").await;
    node.add("a", 1).await.unwrap();
    let waiting = node.blocked("a", user(1), 1).await;
    let name = stream("a");
    let commands = (0..64).map(|number| {
        let taken = if number == 41 { "b".to_owned() } else { number.to_string() };
        let sql = "insert into taken values ($1)";
        let execution = CommandRequest::<Counter<false>>::new(Command::Add(1), Context::default())
            .also_write(vec![Statement::new(sql, vec![Box::new(taken)])]);
        node.counters.execute(&name, execution)
    });
    let (outcomes, ()) = tokio::join!(join_all(commands), waiting.release());
    let refused: Vec<_> = (0..64).filter(|index| outcomes[*index].is_err()).collect();
    assert_eq!(refused, [41]);
    assert_eq!(node.value("a").await, 2 + 63);
    let appends = "select count(distinct xmin::text)::text from events";
    let appends: i32 = node.texts(appends).await[0].parse().unwrap();
    assert!(appends <= 2 + 7, "{appends} transactions, and not one for each command");
}
