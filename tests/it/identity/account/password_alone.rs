//! A password that was changed, and nothing after it: as when the server dies between the change and the ends of sessions.

use keyfold::accounts::password::Password;
use keyfold::eventlog::Context;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{ANOTHER, change_password, sign_in};
use crate::identity::revocation::{assert_ended, assert_live};
use crate::support::app::{TestApp, two_servers};
use crate::support::user::{PASSWORD, TestUser};

/// Changes the password without a thought for sessions.
async fn change_alone(app: &TestApp, user: &TestUser) {
    let accounts = &app.running().features().accounts;
    let password = |text: &str| Password::parse(Zeroizing::new(text.to_owned())).unwrap();
    let proof = accounts.prove(user.id.parse().unwrap(), password(PASSWORD)).await.unwrap();
    let changed = accounts.change_password(proof.unwrap(), password(ANOTHER), Context::default());
    changed.await.unwrap();
}

async fn listed(app: &TestApp, user: &TestUser) -> Vec<Value> {
    let list = app.get("/api/auth/sessions").bearer(&user.session_token).send().await.expect(200);
    list["sessions"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_outlives_its_password_though_its_end_is_never_recorded() {
    let (mut first, mut second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let eve = first.sign_up("eve@example.com").await;
    let gone = [TestUser::sign_in(&second.url(), &ada.email).await, ada];
    for user in &gone {
        assert_live(&first, user).await;
        assert_live(&second, user).await;
    }
    change_alone(&first, &gone[0]).await;
    for restarted in [false, true] {
        if restarted {
            first.stop().await;
            second.restart().await;
            first.restart().await;
        }
        for server in [&second, &first] {
            for user in &gone {
                assert_ended(server, user).await;
            }
            assert_live(server, &eve).await;
            sign_in(server, &gone[0].email, PASSWORD).await.expect(401);
            let anew = sign_in(server, &gone[0].email, ANOTHER).await.expect(200);
            let anew = TestUser::signed_in(&server.url(), &anew);
            assert_live(&first, &anew).await;
            assert_live(&second, &anew).await;
            let sessions = listed(server, &anew).await;
            let is_listed =
                |user: &TestUser| sessions.iter().any(|session| session["id"] == user.session_id);
            assert!(is_listed(&anew) && !gone.iter().any(is_listed), "{sessions:?}");
        }
    }
    let ends = "select count(*)::text from events where type = 'SessionEnded'";
    assert_eq!(first.query_text(ends).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_names_no_credential_lives_until_the_password_is_changed() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.stop().await;
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute("update sessions set credential_id = null").await.unwrap();
    app.restart().await;
    assert_live(&app, &ada).await;
    let change = change_password(&app, PASSWORD, ANOTHER).bearer(&ada.session_token);
    let anew = TestUser::signed_in(&app.url(), &change.send().await.expect(200));
    assert_ended(&app, &ada).await;
    assert_live(&app, &anew).await;
}
