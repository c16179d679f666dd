//! The pages in a real browser, Chromium: content and use of the pages, and errors that a user does not see.
//!
//! Each promise has a script in `tests/browser`, which is run with the address of the test's server. It fails too if the
//! console of a page was told an error or a warning, a request failed or went elsewhere, or a policy forbade anything.
//! Pictures are in `target/screenshots`; those of a failure, and the console's messages, below `failed` there.

mod away;
mod everybody;
mod journeys;
mod seen;
mod sessions;
mod together;

use std::fs;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::support::app::TestApp;
use crate::support::tools::{self, Tool};
use crate::tidy;

/// Limit of browsers at once: each is several processes that compete for the CPU.
static BROWSERS: Semaphore = Semaphore::const_new(2);

/// A script at work.
struct Script {
    tool: Tool,
    _turn: SemaphorePermit<'static>,
}

impl Script {
    /// Starts a script of `tests/browser` with its arguments: the address of a server first.
    async fn start(name: &str, arguments: &[&str]) -> Self {
        let turn = BROWSERS.acquire().await.unwrap();
        let packages = tools::tests("browser");
        let mut command = tools::node(&packages, &packages.join(name).with_extension("mjs"));
        command.args(arguments).env("SCREENSHOTS", tools::target().join("screenshots"));
        Self { tool: Tool::start(&mut command), _turn: turn }
    }

    /// Waits until the script asks for something that only the test can do: `ask("…")`.
    async fn asks(&mut self, what: &str) {
        let wanted = format!("ask: {what}");
        while let Some(line) = self.tool.line().await {
            if line == wanted {
                return;
            }
        }
        panic!("the script ended and never asked: {what}\n{}", self.tool.so_far());
    }

    /// Tells the script that the request is done.
    async fn go_on(&mut self) {
        self.tool.tell("done").await;
    }

    /// Waits until the script has ended, which has to succeed; returns its output.
    async fn ends_well(self) -> String {
        self.tool.printed().await
    }
}

/// Runs a script against a server.
async fn assert_kept(name: &str, app: &TestApp) {
    Script::start(name, &[&app.url()]).await.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_on_a_page_is_noticed() {
    Script::start("harness", &[]).await.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explorer_opens_without_a_console_error() {
    assert_kept("explorer-opens", &TestApp::in_real_time().await).await;
}

#[test]
fn every_script_shows_that_a_promise_ends_well() {
    let files = tidy::files("tests/it/web/pages");
    let tests: String = files.iter().map(|path| tidy::read(path)).collect();
    let scripts = fs::read_dir(tools::tests("browser")).unwrap().map(|entry| entry.unwrap().path());
    for script in scripts.filter(|path| path.extension().is_some_and(|end| end == "mjs")) {
        let name = script.file_stem().unwrap().to_str().unwrap();
        assert!(tests.contains(&format!("\"{name}\"")), "no test runs {name}.mjs");
    }
}
