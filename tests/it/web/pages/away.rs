//! Servers and networks that go away under a page, changes that are refused, tokens that expire.

use std::time::Duration;

use keyfold::base::clock::Clock;

use super::{Script, assert_kept};
use crate::support::app::TestApp;
use crate::support::postgres::new_schema;

/// Runs a script that has the server stopped and started so many times.
async fn assert_kept_through_restarts(name: &str, restarts: usize, app: &mut TestApp) {
    let mut script = Script::start(name, &[&app.url()]).await;
    for _ in 0..restarts {
        script.asks("stop").await;
        app.stop().await;
        script.go_on().await;
        script.asks("start").await;
        app.restart().await;
        script.go_on().await;
    }
    script.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_opens_again_when_its_server_is_back() {
    let mut app = TestApp::in_real_time().await;
    assert_kept_through_restarts("server-returns", 1, &mut app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_and_done_while_the_server_is_away_is_kept_and_done_once_when_it_is_back() {
    let mut app = TestApp::in_real_time().await;
    assert_kept_through_restarts("server-away", 2, &mut app).await;
    let added = "select string_agg(data->'task'->>'title', ', ' order by version) from events \
                 where type = 'TaskCreated'";
    assert_eq!(app.query_text(added).await, "Bread, Milk, Eggs, Salt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_without_a_network_goes_on_and_nothing_of_it_is_lost_or_done_twice() {
    assert_kept("offline", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_taken_back_and_what_was_typed_is_kept_with_what_is_wrong_with_it() {
    assert_kept("refused", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pages_access_token_is_renewed_before_it_expires_and_lives_in_its_memory_only() {
    let app = TestApp::on(new_schema().await, Clock::system(), |config| {
        config.tokens.lifetime = Duration::from_secs(10);
    });
    assert_kept("token", &app.await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_outlives_its_tab_and_is_sent_by_another_one() {
    assert_kept("outbox", &TestApp::in_real_time().await).await;
}
