//! Signing up, in and out.

use super::{Browser, ada, between, problem};
use crate::support::app::TestApp;
use crate::support::user::PASSWORD;

#[tokio::test]
async fn a_new_person_signs_up_in_and_out_without_a_script() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    let page = browser.get(&tasks).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Nothing here yet"), "{}", page.text);
    let out = browser.post("/signout", &[]).await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/login"));
    assert_eq!(browser.cookie, None);
    let back = browser.post("/login", &ada()[1..]).await;
    assert_eq!((back.status.as_u16(), back.header("location")), (303, "/tasks"));
    assert_eq!(browser.own_tasks().await, tasks);
    assert_eq!(
        app.query_text("select string_agg(data->>'reason', ',') from events").await,
        "signedOut"
    );
}

#[tokio::test]
async fn a_session_that_is_signed_out_shows_nothing_any_more() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let mut copy = Browser { url: app.url(), cookie: browser.cookie.clone() };
    browser.post("/signout", &[]).await;
    for path in ["/tasks", "/account"] {
        let led = copy.get(path).await;
        let location = format!("/login?next=%2F{}", &path[1..]);
        assert_eq!((led.status.as_u16(), led.header("location")), (303, location.as_str()));
    }
    let out = copy.post("/signout", &[]).await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/login"));
}

#[tokio::test]
async fn whoever_signs_in_or_up_in_the_same_browser_replaces_the_session_before() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let grace = [("name", "Grace"), ("email", "grace@example.com"), ("password", PASSWORD)];
    for (path, form) in [("/login", &ada()[1..]), ("/signup", &grace), ("/login", &ada()[1..])] {
        let mut copy = Browser { url: app.url(), cookie: browser.cookie.clone() };
        assert_eq!(copy.get("/account").await.status, 200);
        assert_eq!(browser.post(path, form).await.status, 303);
        assert_eq!(copy.get("/account").await.status, 303);
        assert_eq!(browser.get("/account").await.status, 200);
    }
    let reasons = "select string_agg(distinct data->>'reason', ',') from events";
    assert_eq!(app.query_text(reasons).await, "replaced");
}

#[tokio::test]
async fn whoever_has_to_sign_in_first_comes_back_afterwards() {
    let app = TestApp::spawn().await;
    let tasks = Browser::of_ada(&app).await.own_tasks().await;
    let mut browser = Browser::new(&app);
    for path in [&*tasks, "/account", "/tasks"] {
        let led = browser.get(path).await;
        assert_eq!(led.status, 303);
        let form = browser.get(led.header("location")).await.text;
        let next = between(&form, "name=\"next\" value=\"", "\"");
        assert_eq!(next, path);
        let [_, email, password] = ada();
        let entered = browser.post("/login", &[email, password, ("next", next)]).await;
        assert_eq!((entered.status.as_u16(), entered.header("location")), (303, path));
        browser.post("/signout", &[]).await;
    }
}

#[tokio::test]
async fn signing_in_leads_nowhere_else() {
    let app = TestApp::spawn().await;
    Browser::of_ada(&app).await;
    let [_, email, password] = ada();
    for next in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
    ] {
        let mut browser = Browser::new(&app);
        let entered = browser.post("/login", &[email, password, ("next", next)]).await;
        assert_eq!(
            (entered.status.as_u16(), entered.header("location")),
            (303, "/tasks"),
            "{next}"
        );
        let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let led = browser.get(&format!("/login?next={encoded}")).await;
        assert_eq!((led.status.as_u16(), led.header("location")), (303, "/tasks"), "{next}");
        let shown = Browser::new(&app).get(&format!("/login?next={encoded}")).await.text;
        assert!(!shown.contains("evil") && !shown.contains("alert(1)"), "{next}");
    }
}

#[tokio::test]
async fn whoever_is_signed_in_has_no_need_of_the_forms_to_enter() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    for (path, leads) in
        [("/login", "/tasks"), ("/signup", "/tasks"), ("/login?next=%2Faccount", "/account")]
    {
        let led = browser.get(path).await;
        assert_eq!((led.status.as_u16(), led.header("location")), (303, leads), "{path}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_its_field_and_what_was_typed_is_kept() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::new(&app);
    let typed =
        [("name", " "), ("email", "no \"address\""), ("password", "short"), ("next", "/account")];
    let page = browser.post("/signup", &typed).await;
    assert_eq!(page.status, 400);
    let said = ["name", "email", "password"].map(|field| problem(&page.text, field));
    assert_eq!(
        said,
        [
            "Name must not be empty",
            "Email must be an email address such as ada@example.com",
            "Password must have at least 8 characters",
        ]
    );
    assert!(
        page.text.contains("name=\"email\" type=\"email\" value=\"no &#34;address&#34;\""),
        "{}",
        page.text
    );
    assert!(page.text.contains("name=\"password\" type=\"password\" value=\"\""));
    assert_eq!(between(&page.text, "name=\"next\" value=\"", "\""), "/account");
    assert!(!page.text.contains("short"));
    assert_eq!(browser.cookie, None);
}

#[tokio::test]
async fn a_taken_address_is_said_beside_the_address() {
    let app = TestApp::spawn().await;
    Browser::of_ada(&app).await;
    let page = Browser::new(&app).post("/signup", &ada()).await;
    assert_eq!(page.status, 409);
    assert_eq!(
        problem(&page.text, "email"),
        "Email belongs to an account already: sign in instead"
    );
    assert!(!page.text.contains(PASSWORD));
}

#[tokio::test]
async fn nobody_is_told_whether_the_address_or_the_password_is_wrong() {
    let app = TestApp::spawn().await;
    Browser::of_ada(&app).await;
    let mut told = Vec::new();
    for email in ["ada@example.com", "eve@example.com"] {
        let form = [("email", email), ("password", "not the password")];
        let page = Browser::new(&app).post("/login", &form).await;
        assert_eq!(page.status, 401);
        assert_eq!(
            between(&page.text, "data-whole role=\"alert\">", "</p>"),
            "Invalid email or password."
        );
        assert!(!page.text.contains("not the password"));
        told.push(page.text.replace(email, ""));
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn the_cookie_of_a_page_is_out_of_reach_of_scripts_and_bound_to_https_there() {
    let https = |config: &mut keyfold::config::Config| {
        config.http.public_url = Some(url::Url::parse("https://id.example.com").unwrap());
    };
    let app = TestApp::spawn_with(https).await;
    let entered = Browser::new(&app).post("/signup", &ada()).await;
    let cookie = entered.header("set-cookie");
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Secure-better-auth.session_token="), "{pair}");
    assert_eq!(attributes, "Max-Age=604800; Path=/; HttpOnly; SameSite=Lax; Secure");
}

#[tokio::test]
async fn a_form_of_whoever_is_not_signed_in_leads_to_sign_in_and_back_to_its_page() {
    let app = TestApp::spawn().await;
    let tasks = Browser::of_ada(&app).await.own_tasks().await;
    let task = format!("{tasks}/01a20571-9d1a-781e-b1ae-30a74da2d439");
    for (path, page) in [
        (&*tasks, &*tasks),
        (&task, &tasks),
        (&format!("{task}/delete"), &tasks),
        ("/account/profile", "/account"),
        ("/account/password", "/account"),
        ("/account/sessions", "/account"),
        ("/account/sessions/01a20571-9d1a-781e-b1ae-30a74da2d439", "/account"),
    ] {
        let form = [("title", "Milk"), ("name", "Eve"), ("newPassword", "eve's own password")];
        let led = Browser::new(&app).post(path, &form).await;
        let location = format!("/login?next={}", page.replace('/', "%2F"));
        assert_eq!((led.status.as_u16(), led.header("location")), (303, &*location), "{path}");
    }
    let events =
        "select string_agg(type, ',' order by position) from events where stream <> 'keys'";
    assert_eq!(app.query_text(events).await, "AccountCreated,SessionStarted");
}
