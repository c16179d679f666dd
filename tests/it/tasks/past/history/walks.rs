//! Reading the past leaves the database to others.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_postgres::Client;

use crate::support::app::TestApp;
use crate::tasks::past::id;

/// Number of database sessions that wait to read a history.
async fn waiting(client: &Client) -> i64 {
    let waiting = "select count(*) from pg_stat_activity
                   where wait_event_type = 'Lock' and query like 'with recursive told%'
                         and datname = current_database()";
    client.query_one(waiting, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_read_the_past_they_have_a_quarter_of_the_sessions_and_others_are_refused() {
    const SENT: usize = 12;
    // Four sessions, so one of them is for walks.
    let app = TestApp::spawn().await;
    let mut histories = Vec::new();
    for name in ["ada", "eve", "grace"] {
        let user = app.sign_up(&format!("{name}@example.com")).await;
        let task = user.create_task("Milk").await;
        let path = format!("/{}/history", id(&task));
        histories.extend((0..SENT / 3).map(|_| (user.clone(), path.clone())));
    }
    let locked = app.connection().connect().await.unwrap().client;
    locked.batch_execute("begin; lock table events in access exclusive mode").await.unwrap();
    let watcher = app.connection().connect().await.unwrap().client;

    let ask =
        async |(user, path): &(_, String)| crate::support::user::TestUser::list(user, path).await;
    let mut replies: FuturesUnordered<_> = histories.iter().map(ask).collect();
    let (mut most, mut refused) = (0, 0);
    while refused < SENT - 1 {
        tokio::select! {
            reply = replies.next() => {
                let message = "The server is overloaded; nothing was changed, try again shortly";
                reply.unwrap().expect_problem(503, "OVERLOADED", message);
                refused += 1;
            }
            count = waiting(&watcher) => most = most.max(count),
        }
    }
    assert_eq!(most, 1);
    locked.batch_execute("commit").await.unwrap();
    replies.next().await.unwrap().expect(200);
    histories[0].0.list(&histories[0].1).await.expect(200);
}
