//! First page view on a server that has just started, with all its assets.

use std::time::Instant;

use anyhow::ensure;

use crate::figures::{Figure, Goal, PAIRS, Row};
use crate::people::{Person, client};
use crate::server::Server;

/// Longest acceptable time of such a page view, in milliseconds.
const GOAL: Goal = Goal::AtMost(20.0);
/// Tasks of the user, which fill exactly one page.
const TASKS: usize = 100;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    // The first start creates the cluster and the list; it is not measured.
    let server = Server::start("pages").await?;
    let person = Person::sign_up(&server.url).await?;
    person.create_tasks(&server.url, TASKS).await?;
    server.stop().await?;
    let (path, cookie) = (format!("/tasks/{}", person.id), person.cookie());
    let (mut home, mut assets, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let server = Server::start("pages").await?;
        let (page, took) = opened(&server.url, "/", "").await?;
        home.push(took);
        assets.push(loaded(&server.url, &page).await?);
        server.stop().await?;
        let server = Server::start("pages").await?;
        let (page, took) = opened(&server.url, &path, &cookie).await?;
        ensure!(page.matches("class=\"task\"").count() > TASKS, "the page shows the tasks");
        tasks.push(took);
        server.stop().await?;
    }
    let row = |workload: &str, runs| Row::alone(workload, "ms", runs, GOAL);
    Ok(vec![
        row("the start page of a server just started", home),
        row("what it loads then, one after the other", assets),
        row("a page of 100 tasks of a server just started", tasks),
    ])
}

/// Fetches a page over a new connection and returns its text and the time taken.
async fn opened(url: &str, path: &str, cookie: &str) -> anyhow::Result<(String, Figure)> {
    let begun = Instant::now();
    let request = client().get(format!("{url}{path}")).header("cookie", cookie);
    let text = request.send().await?.error_for_status()?.text().await?;
    Ok((text, Figure::of(begun.elapsed().as_secs_f64() * 1e3)))
}

/// Time to fetch, compressed, every asset that the page refers to.
async fn loaded(url: &str, page: &str) -> anyhow::Result<Figure> {
    let begun = Instant::now();
    for path in page.split('"').filter(|text| text.starts_with("/assets/")) {
        let request = client().get(format!("{url}{path}")).header("accept-encoding", "gzip");
        request.send().await?.error_for_status()?.bytes().await?;
    }
    Ok(Figure::of(begun.elapsed().as_secs_f64() * 1e3))
}
