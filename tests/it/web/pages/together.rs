//! Several browsers, several tabs, several people.

use super::assert_kept;
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn two_people_do_not_see_each_others_tasks_and_are_told_so() {
    assert_kept("strangers", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_and_two_devices_of_one_person_stay_in_step() {
    assert_kept("in-step", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_tabs_than_a_browser_has_connections_work_where_they_cannot_share_one() {
    assert_kept("insecure", &TestApp::in_real_time().await).await;
}
