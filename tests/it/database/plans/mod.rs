//! No request makes the database read a whole table: the plan of every statement that servers run is looked at.
//!
//! The statements are not copied here. Servers answer every kind of request, and PostgreSQL reports how it carries out each
//! statement, those inside triggers too. The report is compared with the statements in the sources, so that a new statement
//! is looked at or fails the test.

mod database;
mod expected;
mod plan;
mod requests;

use std::collections::BTreeSet;

use self::database::{Database, Planning};
use self::plan::{Indexes, Plan};

/// Fails with every statement that was not carried out.
#[track_caller]
fn assert_complete(plans: &[Plan], expected: &BTreeSet<String>) {
    let seen: BTreeSet<_> = plans.iter().map(|plan| plan.statement.clone()).collect();
    let missing: Vec<_> = expected.difference(&seen).collect();
    assert!(!expected.is_empty() && missing.is_empty(), "statements without a plan: {missing:#?}");
}

/// Fails with every statement that reads a whole table, and how.
#[track_caller]
fn assert_none_reads_a_whole_table(plans: &[Plan], indexes: &Indexes) {
    let broken: BTreeSet<_> =
        plans.iter().filter(|plan| plan.reads_a_whole_table(indexes)).map(Plan::shown).collect();
    let broken: Vec<_> = broken.into_iter().collect();
    assert!(broken.is_empty(), "these read a whole table:\n{}", broken.join("\n\n"));
}

/// The plans of everything that servers do, alone and together.
async fn plans_of_everything(database: &Database) -> Vec<Plan> {
    let mut servers = requests::two_servers(database).await;
    requests::together(&servers, "ada@example.com").await;
    requests::rotate_keys(&servers, "ada@example.com").await;
    requests::followed(database).await;
    for server in &mut servers {
        server.stop().await;
    }
    let mut alone = requests::server(database).await;
    requests::everything(&alone, "grace@example.com").await;
    requests::after_restart(&mut alone, "alan@example.com").await;
    alone.stop().await;
    requests::drop_days(database).await;
    requests::reseal(database, "alan@example.com").await;
    requests::history(database).await;
    database.all_plans().await
}

async fn assert_no_request_reads_a_whole_table(planning: Planning) {
    let database = Database::large(planning).await;
    let plans = Box::pin(plans_of_everything(&database)).await;
    assert_complete(&plans, &expected::of_program());
    assert_complete(&plans, &expected::of_functions());
    assert_none_reads_a_whole_table(&plans, &database.indexes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_reads_a_whole_table_when_statements_are_planned_each_time() {
    assert_no_request_reads_a_whole_table(Planning::EachTime).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_reads_a_whole_table_when_statements_are_planned_once() {
    assert_no_request_reads_a_whole_table(Planning::Once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planned_while_the_log_was_empty_looks_up_single_rows_when_it_is_large() {
    let database = Database::empty(Planning::Once).await;
    let mut servers = requests::two_servers(&database).await;
    requests::together(&servers, "ada@example.com").await;
    database.grow().await;
    requests::together(&servers, "grace@example.com").await;
    for server in &mut servers {
        server.stop().await;
    }
    let plans = database.all_plans().await;
    assert_complete(&plans, &expected::of_functions());
    assert_none_reads_a_whole_table(&plans, &database.indexes().await);
}

/// The index serves deletions alone, after any number of other changes to the list.
#[tokio::test(flavor = "multi_thread")]
async fn deletions_of_a_list_are_read_as_they_stand_in_their_index() {
    for planning in [Planning::EachTime, Planning::Once] {
        let database = Database::large(planning).await;
        let mut server = requests::server(&database).await;
        let ada = server.sign_up("ada@example.com").await;
        ada.list("/history?type=deleted&limit=1000").await.expect(200);
        server.stop().await;
        let plans = database.all_plans().await;
        let of_deletions = |plan: &&Plan| plan.statement.contains("'TaskDeleted' and version < $2");
        let used: Vec<_> = plans.iter().filter(of_deletions).map(Plan::indexes).collect();
        assert_eq!(used, [BTreeSet::from(["events_task_deletions"])], "{planning:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_read_asks_the_database_nothing() {
    let database = Database::empty(Planning::EachTime).await;
    let mut server = requests::server(&database).await;
    let ada = server.sign_up("ada@example.com").await;
    ada.create_task("Milk").await;
    requests::reads(&server, &ada).await;
    let asked = |plans: Vec<Plan>| -> Vec<_> {
        // The follower looks into the log when it has heard nothing for a while, and sessions that are over are looked
        // for when a server starts.
        let all = plans.into_iter().map(|plan| plan.statement);
        let beside = ["where position > $1", "order by expires_at"];
        all.filter(|statement| !beside.iter().any(|text| statement.contains(text))).collect()
    };
    let before = asked(database.plans());
    for _ in 0..3 {
        requests::reads(&server, &ada).await;
    }
    assert_eq!(asked(database.plans()), before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_no_good_is_looked_up_once_in_a_while_however_often_it_is_sent() {
    let database = Database::empty(Planning::EachTime).await;
    let mut server = requests::server(&database).await;
    let unknown = "A".repeat(43);
    for _ in 0..5 {
        server.get("/api/auth/session").bearer(&unknown).send().await.expect(401);
    }
    let looked_up = database
        .plans()
        .into_iter()
        .filter(|plan| plan.statement.contains("from sessions where token_hash = $1"));
    assert_eq!(looked_up.count(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_reads_a_whole_table_is_noticed() {
    let database = Database::large(Planning::EachTime).await;
    let bad = [
        "select count(*) from events where type = 'x'",
        "select count(*) from events where version = 7",
        "select count(*) from events where stream = 'x' or type = 'x'",
        "select count(*) from users",
    ];
    let good = [
        "select count(*) from events where stream = 'x'",
        "select count(*) from events where stream = 'x' or position = 7",
        "select count(*) from jwks",
    ];
    let link = database.connection.connect().await.unwrap();
    for statement in bad.into_iter().chain(good) {
        link.client.query_one(statement, &[]).await.unwrap();
    }
    drop(link);
    let (plans, indexes) = (database.all_plans().await, database.indexes().await);
    let (noticed, other): (Vec<_>, Vec<_>) =
        plans.iter().partition(|plan| plan.reads_a_whole_table(&indexes));
    let statements = |plans: Vec<&Plan>| -> Vec<_> {
        plans.into_iter().map(|plan| plan.statement.clone()).collect()
    };
    assert_eq!(
        (statements(noticed), statements(other)),
        (bad.map(str::to_owned).into(), good.map(str::to_owned).into())
    );
}
