//! The pages without scripts: their content, the targets of forms, and refusals.

mod account;
mod entering;
mod tasks;

use reqwest::Method;
use url::form_urlencoded;

use crate::support::app::{Reply, TestApp, TestRequest};
use crate::support::user::PASSWORD;

/// A browser without scripts: it keeps the session's cookie and sends `Sec-Fetch-Site` with its forms.
pub struct Browser {
    url: String,
    cookie: Option<String>,
}

impl Browser {
    pub fn new(app: &TestApp) -> Self {
        Self { url: app.url(), cookie: None }
    }

    /// A browser in which Ada has just signed up.
    async fn of_ada(app: &TestApp) -> Self {
        Self::of(app, "ada@example.com").await
    }

    /// A browser in which a user has just signed up.
    pub async fn of(app: &TestApp, email: &str) -> Self {
        let mut browser = Self::new(app);
        let [name, _, password] = ada();
        let entered = browser.post("/signup", &[name, ("email", email), password]).await;
        assert_eq!((entered.status.as_u16(), entered.header("location")), (303, "/tasks"));
        browser
    }

    async fn get(&mut self, path: &str) -> Reply {
        let request = self.request(Method::GET, path);
        self.keep(request.send().await)
    }

    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Reply {
        let request = self.form(path, form).header("sec-fetch-site", "same-origin");
        self.keep(request.send().await)
    }

    /// A form without `Origin` and `Sec-Fetch-Site`.
    fn form(&self, path: &str, form: &[(&str, &str)]) -> TestRequest {
        let body: String =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.request(Method::POST, path);
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    fn request(&self, method: Method, path: &str) -> TestRequest {
        let request = TestRequest::new(method, &self.url, path).header("accept", "text/html");
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    fn keep(&mut self, reply: Reply) -> Reply {
        if let Some(cookie) = reply.headers.get("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        reply
    }

    /// Path of the user's own tasks.
    pub async fn own_tasks(&mut self) -> String {
        let led = self.get("/tasks").await;
        assert_eq!(led.status, 303);
        led.header("location").to_owned()
    }
}

fn ada() -> [(&'static str, &'static str); 3] {
    [("name", "Ada Lovelace"), ("email", "ada@example.com"), ("password", PASSWORD)]
}

/// The part of a page between two texts.
#[track_caller]
fn between<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {page}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end} after {begin}")).0
}

/// Error message of a page for a field.
#[track_caller]
fn problem<'a>(page: &'a str, field: &str) -> &'a str {
    between(page, &format!("id=\"{field}-problem\">"), "</p>").trim()
}

#[tokio::test]
async fn a_page_may_load_and_do_nothing_but_what_is_this_servers_own() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    let mut stranger = Browser::new(&app);
    let mut pages = vec![stranger.get("/login").await, stranger.get("/signup").await];
    for path in ["/", "/account", &tasks, "/tasks/somebody-else", "/nothing"] {
        pages.push(browser.get(path).await);
    }
    let statuses: Vec<_> = pages.iter().map(|page| page.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 403, 404]);
    for page in pages {
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        assert_eq!(
            policy,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'"
        );
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert_eq!(page.header("cache-control"), "no-store");
        for inline in ["<style", "style=\"", "onclick", "<script>", "javascript:"] {
            assert!(!page.text.contains(inline), "{inline} in {}", page.text);
        }
        let elsewhere = page.text.split(&app.url()).any(|part| part.contains("://"));
        assert!(!elsewhere, "names another server: {}", page.text);
    }
}

#[tokio::test]
async fn an_asset_is_kept_for_ever_and_sent_compressed() {
    let app = TestApp::spawn().await;
    let page = app.get("/login").send().await.text;
    let assets: Vec<_> = page.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert!(assets.len() >= 5, "{assets:?}");
    for path in assets {
        let asset = app.get(path).header("accept-encoding", "gzip").send().await;
        let headers = ["cache-control", "content-encoding", "vary"].map(|name| asset.header(name));
        let kept = "public, max-age=31536000, immutable";
        assert_eq!(
            (asset.status.as_u16(), headers),
            (200, [kept, "gzip", "Accept-Encoding"]),
            "{path}"
        );
        let again = app.get(path).header("if-none-match", asset.header("etag")).send().await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""), "{path}");
    }
    let plain = app.get("/assets/app.css").send().await;
    plain.expect_problem(404, "NOT_FOUND", "There is nothing at this path");
}

#[tokio::test]
async fn whoever_looks_where_only_forms_are_sent_is_led_to_the_page_they_stand_on() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    for (path, page) in [
        ("/signout", "/"),
        ("/account/password", "/account"),
        (&format!("{tasks}/1/delete"), &tasks),
    ] {
        let led = browser.get(path).await;
        assert_eq!((led.status.as_u16(), led.header("location")), (303, page), "{path}");
    }
    let refused = app.get("/signout").send().await;
    assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "POST"));
    let refused = app.request(Method::DELETE, "/login").send().await;
    assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "GET, HEAD, POST"));
    let head = app.request(Method::HEAD, "/login").send().await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn a_browser_is_told_in_a_page_that_there_is_nothing_and_a_program_in_json() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.get("/nothing").await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (404, "text/html; charset=utf-8")
    );
    assert!(page.text.contains("<h1>There is nothing here</h1>"), "{}", page.text);
    let told = app.get("/nothing").send().await;
    told.expect_problem(404, "NOT_FOUND", "There is nothing at this path");
    let of_api = browser.get("/api/nothing").await;
    of_api.expect_problem(404, "NOT_FOUND", "There is nothing at this path");
}

/// An attacker who could sign a victim in to the attacker's account would read the victim's tasks (login CSRF).
#[tokio::test]
async fn a_form_is_taken_from_this_sites_own_pages_only() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    let title = [("title", "Milk")];
    let sent = |path: &str, form: &[(&str, &str)]| browser.form(path, form);
    let url = app.url();
    for (path, form) in [
        ("/signup", &ada()[..]),
        ("/login", &ada()[1..]),
        ("/signout", &[]),
        (&tasks, &title),
        ("/account/profile", &[("name", "Eve")]),
        ("/account/sessions", &[]),
    ] {
        for (header, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("referer", url.as_str()),
        ] {
            let refused = sent(path, form).header(header, value).send().await;
            assert_eq!(refused.status, 403, "{path} {header}: {value}");
            assert!(refused.text.contains("<h1>This form was not sent from here</h1>"), "{path}");
            assert_eq!(refused.header("set-cookie"), "");
        }
    }
    let taken = sent(&tasks, &title).header("origin", &url).send().await;
    assert_eq!((taken.status.as_u16(), taken.header("location")), (303, tasks.as_str()));
    let shown = browser.get(&tasks).await.text;
    assert_eq!(shown.matches("data-complete>").count(), 2, "the one task, and the model of one");
}

#[tokio::test]
async fn a_form_that_is_none_or_too_large_is_refused() {
    let app = TestApp::spawn().await;
    let own = ("sec-fetch-site", "same-origin");
    let json = app.post("/login").header(own.0, own.1).json(&serde_json::json!({})).send().await;
    assert_eq!(json.status, 415);
    let large = [("email", "a".repeat(70_000))];
    let large: Vec<_> = large.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let refused = Browser::new(&app).form("/login", &large).header(own.0, own.1).send().await;
    assert_eq!(refused.status, 413);
}

#[tokio::test]
async fn a_server_that_knows_nothing_for_the_moment_says_so_in_a_page() {
    let app = TestApp::spawn().await;
    let mut browser = Browser::of_ada(&app).await;
    let tasks = browser.own_tasks().await;
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute("alter table credentials rename to lost_credentials").await.unwrap();
    let failed = Browser::new(&app).post("/login", &ada()[1..]).await;
    assert_eq!(failed.status, 500);
    assert!(failed.text.contains("value=\"ada@example.com\"") && !failed.text.contains(PASSWORD));
    assert_eq!(browser.get(&tasks).await.status, 200);
}
