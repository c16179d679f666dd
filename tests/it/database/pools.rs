//! Connections reserved for authentication are taken by no other work.

use futures_util::FutureExt;
use futures_util::future::join_all;
use keyfold::postgres::Connection;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::process::until;
use crate::support::user::TestUser;

/// Number of statements that wait for the lock on `idempotency_keys`.
async fn waiting(connection: &Connection) -> i64 {
    let link = connection.connect().await.unwrap();
    let waiting = "select count(*) from pg_locks join pg_stat_activity using (pid)
                   where not granted and datname = current_database() and locktype = 'relation'
                   and relation = 'idempotency_keys'::regclass";
    link.client.query_one(waiting, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_and_the_node_is_ready_while_all_other_reads_wait() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    // Nothing is in memory.
    app.restart().await;
    let other = app.connection().connect().await.unwrap().client;
    other
        .batch_execute("begin; lock table idempotency_keys in access exclusive mode")
        .await
        .unwrap();
    let busy = app.sign_up("grace@example.com").await;
    let creating = (0..3).map(|number| {
        let create = app.post(&busy.tasks("")).bearer(&busy.token).json(&json!({"title": "Milk"}));
        create.header("idempotency-key", &format!("key-{number}")).send()
    });
    let mut creating = Box::pin(join_all(creating));
    let busy = async {
        until("all other connections wait", async || waiting(&app.connection()).await == 3).await;
    };
    tokio::select! {
        replies = &mut creating => panic!("answered: {replies:?}"),
        () = busy => {}
    }
    TestUser::sign_in(&app.url(), "ada@example.com").await;
    app.get("/health/ready").send().await.expect(200);
    app.get("/api/auth/session").bearer(&ada.session_token).send().await.expect(200);
    app.get("/api/auth/session").bearer(&ada.token).send().await.expect(200);
    app.get("/api/auth/revocations").send().await.expect(200);
    assert!(creating.as_mut().now_or_never().is_none(), "the other reads still wait");
    other.batch_execute("commit").await.unwrap();
    for reply in creating.await {
        reply.expect(201);
    }
}
