//! Pages for users without a mouse, and for users who prefer reduced motion.

use super::assert_kept;
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_done_with_a_keyboard_alone_and_it_is_seen_where_one_is() {
    assert_kept("keyboard", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_for_whoever_asks_for_less_motion() {
    assert_kept("motion", &TestApp::in_real_time().await).await;
}
