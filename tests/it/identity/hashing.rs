//! The cost of a password hash: renewed at the next sign-in after a change of the settings, and saved if the client has
//! gone.

use futures_util::FutureExt;
use keyfold::base::clock::Clock;
use keyfold::config::PasswordConfig;
use serde_json::json;

use crate::identity::revocation::assert_live;
use crate::support::app::{START, TestApp};
use crate::support::postgres;
use crate::support::process::{DataDirectory, Keyfold, Server, until};
use crate::support::user::{PASSWORD, TestUser};

/// A password hash and the credential it belongs to.
async fn credential(app: &TestApp) -> (String, String) {
    let [id, phc] = ["credential_id::text", "phc"].map(|column| async move {
        app.query_text(&format!("select {column} from credentials")).await
    });
    (id.await, phc.await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_hashed_at_another_cost_is_hashed_anew_by_a_sign_in_that_succeeds() {
    let connection = postgres::new_schema().await;
    let at_cost = async |memory_kib, iterations| {
        let app = TestApp::on(connection.clone(), Clock::manual(START), |config| {
            config.passwords = PasswordConfig { memory_kib, iterations, threads: 1, queue: 64 };
            config.http.public_url = Some("http://keyfold.test".parse().unwrap());
        });
        app.await.unwrap()
    };
    let mut app = at_cost(64, 1).await;
    let ada = app.sign_up("ada@example.com").await;
    let before = credential(&app).await;
    app.stop().await;

    let mut app = at_cost(128, 2).await;
    let wrong = json!({"email": "ada@example.com", "password": "not the password"});
    app.post("/api/auth/signin").json(&wrong).send().await.expect(401);
    assert_eq!(credential(&app).await, before);
    TestUser::sign_in(&app.url(), "ada@example.com").await;
    let after = credential(&app).await;
    assert_eq!(after.0, before.0, "what names the credential is as before");
    assert!(after.1.starts_with("$argon2id$v=19$m=128,t=2,p=1$"), "{after:?}");
    assert_live(&app, &ada.at(&app.url())).await;
    TestUser::sign_in(&app.url(), "ada@example.com").await;
    assert_eq!(credential(&app).await, after, "once is enough");
    app.stop().await;

    let app = at_cost(64, 1).await;
    TestUser::sign_in(&app.url(), "ada@example.com").await;
    assert!(credential(&app).await.1.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
}

/// Value of the first metric line that begins with `start` and contains `label`; 0 if there is none.
async fn metric(server: &Server, start: &str, label: &str) -> u64 {
    let metrics = reqwest::get(&server.metrics).await.unwrap().text().await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with(start) && line.contains(label));
    line.and_then(|line| line.rsplit(' ').next()).map_or(0, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_whose_client_has_gone_costs_no_hash() {
    let data = DataDirectory::new("abandoned");
    let server = Keyfold::in_directory(&data)
        .set("KEYFOLD_HASH_THREADS", "1")
        .set("KEYFOLD_HASH_ITERATIONS", "100")
        .serve()
        .await;
    TestUser::sign_up(&server.url, "ada@example.com").await;
    let sign_in = || {
        let body = json!({"email": "ada@example.com", "password": PASSWORD});
        Box::pin(server.post("/api/auth/signin").json(&body).send())
    };
    let waiting = async || metric(&server, "keyfold_work_queue_depth", "\"hash\"").await;
    let mut first = sign_in();
    let mut others: Vec<_> = (0..20).map(|_| sign_in()).collect();
    until("the others wait", async || {
        assert!(first.as_mut().now_or_never().is_none(), "the first is hashed meanwhile");
        for other in &mut others {
            let _ = other.as_mut().now_or_never();
        }
        waiting().await >= 18
    })
    .await;
    drop(others);
    first.await.expect(200);
    sign_in().await.expect(200);
    let verified = metric(&server, "keyfold_password_hash_duration_seconds_count", "\"verify\"");
    assert!(verified.await < 10);
    server.stop().await;
}
