//! The journey of a user, from the first visit to a change of the password.

use super::assert_kept;
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_gets_an_account_a_list_in_their_own_order_and_another_password() {
    assert_kept("new-person", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_taken_back_and_the_list_is_seen_and_restored_as_it_was() {
    assert_kept("time", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_has_to_be_possible_is_possible_without_javascript() {
    assert_kept("scriptless", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_shown_whatever_one_of_its_tasks_is_like() {
    assert_kept("odd-tasks", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_a_task_overwrites_nobody_and_loses_nothing() {
    assert_kept("editing", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_stays_when_something_else_is_wrong_and_can_be_looked_at() {
    assert_kept("entering", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_read_once_and_follows_what_happens_elsewhere() {
    assert_kept("long-list", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_times_numbers_and_scripts_are_the_readers_own_and_what_is_asked_for_holds_in_the_past()
 {
    assert_kept("locales", &TestApp::in_real_time().await).await;
}
