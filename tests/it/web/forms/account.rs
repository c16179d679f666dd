//! Profile, password and sessions.

use std::time::Duration;

use super::{Browser, ada, between, problem};
use crate::support::app::TestApp;
use crate::support::user::PASSWORD;

const NEW: &str = "an even better password";

#[tokio::test]
async fn a_name_is_changed_without_a_script() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let done = browser.post("/account/profile", &[("name", "Ada King")]).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/account?done=profile"));
    let page = browser.get("/account?done=profile").await.text;
    assert!(
        page.contains("value=\"Ada King\"") && page.contains("Your profile was changed."),
        "{page}"
    );
    let refused = browser.post("/account/profile", &[("name", "\u{7}")]).await;
    assert_eq!(
        (refused.status.as_u16(), problem(&refused.text, "name")),
        (400, "Name must not contain control characters")
    );
}

#[tokio::test]
async fn a_changed_password_signs_every_other_browser_out() {
    let app = TestApp::spawn().await;
    let (mut here, mut there) = (Browser::of_ada(&app).await, Browser::new(&app));
    there.post("/login", &ada()[1..]).await;
    let before = here.cookie.clone();
    let form = [("currentPassword", PASSWORD), ("newPassword", NEW)];
    let done = here.post("/account/password", &form).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/account?done=password"));
    assert_ne!(here.cookie, before);
    assert_eq!(here.get("/account").await.status, 200);
    assert_eq!(there.get("/account").await.status, 303);
    let old = Browser::new(&app).post("/login", &ada()[1..]).await;
    let new = Browser::new(&app).post("/login", &[ada()[1], ("password", NEW)]).await;
    assert_eq!((old.status.as_u16(), new.status.as_u16()), (401, 303));
}

#[tokio::test]
async fn a_password_that_is_not_changed_says_why_beside_its_field() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let wrong = browser
        .post("/account/password", &[("currentPassword", "something else"), ("newPassword", NEW)])
        .await;
    assert_eq!(
        (wrong.status.as_u16(), problem(&wrong.text, "currentPassword")),
        (400, "Current password is not right")
    );
    let short = browser
        .post("/account/password", &[("currentPassword", PASSWORD), ("newPassword", "short")])
        .await;
    assert_eq!(
        (short.status.as_u16(), problem(&short.text, "newPassword")),
        (400, "New password must have at least 8 characters")
    );
    for page in [wrong, short] {
        for secret in ["something else", NEW, PASSWORD, "\"short\""] {
            assert!(!page.text.contains(secret), "{secret}");
        }
    }
}

#[tokio::test]
async fn sessions_are_listed_by_device_and_ended_one_by_one_or_all_at_once() {
    let app = TestApp::spawn().await;
    let (mut here, mut there) = (Browser::of_ada(&app).await, Browser::new(&app));
    there.post("/login", &ada()[1..]).await;
    let page = here.get("/account").await.text;
    assert_eq!(page.matches("data-session=\"").count(), 2);
    assert_eq!(page.matches("This device").count(), 1);
    let other = page
        .split("action=\"/account/sessions/")
        .skip(1)
        .find(|rest| !rest.split('>').next().unwrap().contains("data-current"));
    let id = other.unwrap().split('"').next().unwrap();
    let ended = here.post(&format!("/account/sessions/{id}"), &[]).await;
    assert_eq!(ended.header("location"), "/account?done=session");
    assert_eq!(there.get("/account").await.status, 303);

    there.post("/login", &ada()[1..]).await;
    let ended = here.post("/account/sessions", &[("except", "current")]).await;
    assert_eq!(ended.header("location"), "/account?done=sessions");
    assert_eq!(
        (here.get("/account").await.status.as_u16(), there.get("/account").await.status.as_u16()),
        (200, 303)
    );

    there.post("/login", &ada()[1..]).await;
    let ended = here.post("/account/sessions", &[]).await;
    assert_eq!((ended.header("location"), &here.cookie), ("/login", &None));
    assert_eq!(there.get("/account").await.status, 303);
}

#[tokio::test]
async fn ending_ones_own_session_leads_to_the_form_to_sign_in() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let page = browser.get("/account").await.text;
    let own = between(&page, "action=\"/account/sessions/", "\"").to_owned();
    let ended = browser.post(&format!("/account/sessions/{own}"), &[]).await;
    assert_eq!(
        (ended.status.as_u16(), ended.header("location"), &browser.cookie),
        (303, "/login", &None)
    );
}

#[tokio::test]
async fn whoever_signed_in_a_day_ago_does_so_again_to_end_other_sessions() {
    let app = TestApp::spawn().await;
    let (mut here, mut there) = (Browser::of_ada(&app).await, Browser::new(&app));
    app.clock().advance(Duration::from_hours(25));
    there.post("/login", &ada()[1..]).await;
    let page = there.get("/account").await.text;
    let own = between(&page, "action=\"/account/sessions/", "\"").to_owned();
    for (path, form) in [
        (format!("/account/sessions/{own}"), &[][..]),
        ("/account/sessions".to_owned(), &[("except", "current")]),
        ("/account/sessions".to_owned(), &[]),
    ] {
        let led = here.post(&path, form).await;
        let again = "/login?again=1&next=/account";
        assert_eq!((led.status.as_u16(), led.header("location")), (303, again), "{path}");
    }
    assert_eq!(there.get("/account").await.status, 200);
    let page = here.get("/login?again=1&next=/account").await.text;
    assert!(page.contains("Sign in again to go on.") && page.contains("ada@example.com"), "{page}");
    let form = [ada()[1], ada()[2], ("next", "/account")];
    assert_eq!(here.post("/login", &form).await.header("location"), "/account");
    let ended = here.post("/account/sessions", &[("except", "current")]).await;
    assert_eq!(ended.header("location"), "/account?done=sessions");
    assert_eq!(there.get("/account").await.status, 303);
}

#[tokio::test]
async fn nobody_ends_somebody_elses_session() {
    let app = TestApp::spawn().await;
    let mut ada = Browser::of_ada(&app).await;
    let page = ada.get("/account").await.text;
    let hers = between(&page, "action=\"/account/sessions/", "\"").to_owned();
    let mut bob = Browser::new(&app);
    bob.post(
        "/signup",
        &[("name", "Bob"), ("email", "bob@example.com"), ("password", "bob's own password")],
    )
    .await;
    bob.post(&format!("/account/sessions/{hers}"), &[]).await;
    assert_eq!(ada.get("/account").await.status, 200);
}

/// A sign-in in another tab replaces the cookie of this one.
#[tokio::test]
async fn a_form_of_a_page_that_was_shown_to_somebody_else_changes_nothing() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let page = browser.get("/account").await.text;
    let ada = between(&page, "name=\"user\" value=\"", "\"").to_owned();
    browser.post("/signout", &[("user", &ada)]).await;
    let bob = [("name", "Bob"), ("email", "bob@example.com"), ("password", "bob's own password")];
    browser.post("/signup", &bob).await;
    for (path, field) in [
        ("/account/profile", ("name", "Ada King")),
        ("/account/password", ("newPassword", "a new password")),
        ("/account/sessions", ("except", "")),
        ("/signout", ("", "")),
    ] {
        let refused = browser.post(path, &[("user", &ada), field]).await;
        assert_eq!(refused.status, 403, "{path}");
        let told = "<h1>Another user has signed in here</h1>";
        assert!(refused.text.contains(told), "{path}: {}", refused.text);
    }
    let page = browser.get("/account").await.text;
    assert!(page.contains("value=\"Bob\""), "{page}");
}

#[tokio::test]
async fn what_was_done_is_told_to_whoever_did_it_and_not_by_other_sites() {
    let app = TestApp::spawn().await;
    let browser = Browser::of_ada(&app).await;
    let told = "Your password was changed.";
    for (from, is_told) in [("same-origin", true), ("cross-site", false)] {
        let page = browser.request(reqwest::Method::GET, "/account?done=password");
        let page = page.header("sec-fetch-site", from).send().await.text;
        assert_eq!(page.contains(told), is_told, "{from}");
    }
}
