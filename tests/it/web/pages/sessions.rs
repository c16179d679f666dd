//! Sessions in the pages: the way to the sign-in form, and a page after the end of its session.

use super::{Script, assert_kept};
use crate::support::app::TestApp;

/// The delay is printed, not checked: the machine may be busy.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_is_over_at_once_on_the_other_device_and_nothing_of_its_list_is_left()
 {
    let app = TestApp::in_real_time().await;
    let script = Script::start("revoked", &[&app.url()]).await;
    print!("{}", script.ends_well().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_is_seen_in_every_tab_and_a_changed_password_signs_out_the_other_devices_only()
{
    assert_kept("signing-out", &TestApp::in_real_time().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_to_sign_in_first_comes_back_and_is_led_nowhere_else() {
    assert_kept("redirects", &TestApp::in_real_time().await).await;
}
