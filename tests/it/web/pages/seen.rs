//! The look of the pages: accessible to all users, in the light and in the dark scheme. The pictures are in
//! `target/screenshots`.

use super::assert_kept;
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_signed_in_can_use_every_page_with_whatever_they_have() {
    assert_kept("seen-outside", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_in_can_use_every_page_in_every_state_with_whatever_they_have() {
    assert_kept("seen-inside", &TestApp::in_real_time().await).await;
}
