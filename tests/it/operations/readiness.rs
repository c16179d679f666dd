//! Readiness: off while changes cannot be made, and on again by itself.

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::process::until;
use crate::support::servers::Postgres;
use crate::support::user::TestUser;

const UNAVAILABLE: &str = "The server cannot answer for the moment, try again shortly";

async fn execute(app: &TestApp, sql: &str) {
    app.connection().connect().await.unwrap().client.batch_execute(sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_database_refuses_changes_is_not_ready_until_it_takes_them_again() {
    // SQLSTATEs of a full disk, of an I/O error, and of a read-only database.
    for code in ["53100", "58030", "25006"] {
        let app = TestApp::spawn().await;
        let ada = app.sign_up("ada@example.com").await;
        let ready = || app.get("/health/ready").send();
        ready().await.expect(200);
        let refuse = format!(
            "create function refuse() returns trigger language plpgsql as
                 $$ begin raise exception 'not now' using errcode = '{code}'; end $$;
             create trigger refuse before insert on events for each statement execute function refuse()"
        );
        execute(&app, &refuse).await;
        let refused = ada.create(&json!({"title": "Milk"})).await;
        assert!(refused.status.is_server_error(), "{code} {}", refused.text);
        for _ in 0..2 {
            ready().await.expect_problem(503, "UNAVAILABLE", UNAVAILABLE);
        }
        app.get("/health/live").send().await.expect(200);
        ada.list("").await.expect(200);

        execute(&app, "drop trigger refuse on events").await;
        until("it is ready again", async || ready().await.status == 200).await;
        ada.create(&json!({"title": "Milk"})).await.expect(201);
        let trials = "select count(*)::text from events where stream = 'readiness-trial'";
        assert_eq!(app.query_text(trials).await, "0", "nothing of a trial is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_refused_for_what_it_is_does_not_concern_readiness() {
    let app = TestApp::spawn().await;
    app.sign_up("ada@example.com").await;
    let body =
        json!({"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"});
    app.post("/api/auth/signup").json(&body).send().await.expect(409);
    app.get("/health/ready").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_database_became_a_standby_is_not_ready_until_it_is_promoted() {
    let mut postgres = Postgres::start("").await;
    let keyfold = postgres.keyfold();
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    ada.create_task("Milk").await;
    let ready = || server.get("/health/ready").send();
    ready().await.expect(200);

    postgres.demote().await;
    until("it is not ready", async || ready().await.status == 503).await;
    ready().await.expect_problem(503, "UNAVAILABLE", UNAVAILABLE);
    server.get("/health/live").send().await.expect(200);
    let refused = ada.create(&json!({"title": "Bread"})).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "1"));
    let found = keyfold.run(&["doctor"]).await;
    assert_eq!(found.code, Some(1), "{found:?}");
    let told = "takes no writes: name every host in DATABASE_URL, or promote this one";
    assert!(found.out.contains(told), "{}", found.out);

    postgres.promote().await;
    until("it is ready again", async || ready().await.status == 200).await;
    ada.create_task("Bread").await;
    assert_eq!(ada.titles().await, ["Milk", "Bread"]);
    server.stop().await;
}
