//! Records: a row made of a command's outcome, written with its events or, if it has none, by itself.

use keyfold::eventlog::{CommandRequest, Context, Record, Statement};

use super::counter::{Command, Counter, LONG, Node, stream};

/// Records the outcome under a key, once.
fn record(key: &str) -> Record<Counter<false>> {
    let key = key.to_owned();
    Record::new(move |outcome| {
        let events = i64::try_from(outcome.events.len()).unwrap();
        let sql = "insert into records (key, version, state, events) values ($1, $2, $3, $4)";
        let (version, state) = (outcome.published.version, outcome.published.state);
        let params: [Box<dyn tokio_postgres::types::ToSql + Send + Sync>; 4] =
            [Box::new(key.clone()), Box::new(version), Box::new(state), Box::new(events)];
        Ok(Statement::new(sql, params.into()))
    })
}

async fn node() -> Node {
    let node = Node::start(100, LONG, 1_000).await;
    node.sql(
        "create table records (key text primary key, version bigint, state bigint, events bigint)",
    )
    .await;
    node
}

/// The state and version that are answered.
async fn execute(
    node: &Node,
    name: &str,
    command: Command,
    key: &str,
) -> Result<(i64, i64), String> {
    let execution = CommandRequest::new(command, Context::default()).recorded(record(key));
    let outcome = node.counters.execute(&stream(name), execution).await;
    outcome
        .map(|outcome| (outcome.published.state, outcome.published.version))
        .map_err(|error| error.to_string())
}

async fn records(node: &Node) -> Vec<String> {
    let select = "select format('%s: %s at %s, %s events', key, state, version, events) from records order by key";
    node.texts(select).await
}

/// Every event of the log.
async fn events(node: &Node) -> Vec<String> {
    let select = "select format('%s@%s %s', stream, version, data ->> 'amount') from events order by stream, version";
    node.texts(select).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_recorded_whether_or_not_anything_happened_but_a_refusal_is_not() {
    let node = node().await;
    assert_eq!(execute(&node, "new", Command::AddNothing, "k0").await, Ok((0, 0)));
    assert_eq!(execute(&node, "a", Command::Add(5), "k1").await, Ok((5, 1)));
    assert_eq!(execute(&node, "a", Command::AddNothing, "k2").await, Ok((5, 1)));
    assert_eq!(execute(&node, "a", Command::Add(0), "k3").await, Err("nothing to add".to_owned()));
    assert_eq!(execute(&node, "a", Command::Add(2), "k4").await, Ok((7, 2)));
    let recorded = [
        "k0: 0 at 0, 0 events",
        "k1: 5 at 1, 1 events",
        "k2: 5 at 1, 0 events",
        "k4: 7 at 2, 1 events",
    ];
    assert_eq!(records(&node).await, recorded);
    assert_eq!(events(&node).await, ["counter-a@1 5", "counter-a@2 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_record_exists_already_does_nothing_and_its_neighbours_are_carried_out() {
    let node = node().await;
    // Polled together, those of one entity wait together and are decided as a group.
    let commands = [
        ("a", Command::Add(1), "k1"),
        ("a", Command::Add(2), "k1"),
        ("b", Command::Add(10), "k2"),
        ("a", Command::AddNothing, "k1"),
        ("a", Command::Add(4), "k3"),
        ("a", Command::AddNothing, "k4"),
    ];
    let commands = commands.map(|(name, command, key)| execute(&node, name, command, key));
    let outcomes = futures_util::future::join_all(commands).await;
    let refused = Err("constraint records_pkey refused the write".to_owned());
    assert_eq!(
        outcomes,
        [Ok((1, 1)), refused.clone(), Ok((10, 1)), refused, Ok((5, 2)), Ok((5, 2))]
    );
    let recorded = [
        "k1: 1 at 1, 1 events",
        "k2: 10 at 1, 1 events",
        "k3: 5 at 2, 1 events",
        "k4: 5 at 2, 0 events",
    ];
    assert_eq!(records(&node).await, recorded);
    assert_eq!(events(&node).await, ["counter-a@1 1", "counter-a@2 4", "counter-b@1 10"]);
    assert_eq!(node.add("a", 1).await, Ok(6), "the entity has forgotten what was not written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_decided_again_is_recorded_as_it_was_decided_last() {
    let node = node().await;
    let other = node.another().await;
    node.add("a", 1).await.unwrap();
    // The first node has not heard of it.
    other.add("a", 10).await.unwrap();
    assert_eq!(execute(&node, "a", Command::Add(100), "k1").await, Ok((111, 3)));
    assert_eq!(records(&node).await, ["k1: 111 at 3, 1 events"]);
}
