//! Warm reads beside a bare server that returns the same bytes.

use anyhow::ensure;

use crate::bare::{Answer, BareServer};
use crate::figures::{Figure, Goal, Row, in_turn};
use crate::load::{self, Load};
use crate::people::{Person, client};
use crate::postgres;
use crate::server::Server;

/// Runs of each query that scans a long list.
const LOOKS: usize = 3;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let server = Server::start("reads").await?;
    let ada = Person::sign_up(&server.url).await?;
    ada.create_tasks(&server.url, 20).await?;
    let bearer = ada.bearer();
    let wrong = with_wrong_signature(&ada.access_token);
    let mut rows = vec![
        read(&server, "GET tasks (20 tasks)", &ada.tasks(), &[("Authorization", &bearer)], 0.85)
            .await?,
        read(
            &server,
            "GET session (cookie)",
            "/api/auth/session",
            &[("Cookie", &ada.cookie())],
            0.85,
        )
        .await?,
        read(&server, "GET jwks", "/.well-known/jwks.json", &[], 0.9).await?,
        read(&server, "401 for a bad token", &ada.tasks(), &[("Authorization", &wrong)], 0.9)
            .await?,
    ];
    rows.push(long_list(&server).await?);
    rows.extend(long_looks(&server).await?);
    server.stop().await?;
    Ok(rows)
}

/// Measures one repeated request beside a bare server.
async fn read(
    server: &Server,
    name: &str,
    path: &str,
    headers: &[(&str, &str)],
    goal: f64,
) -> anyhow::Result<Row> {
    let mut request = client().get(format!("{}{path}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = Answer::to(request).await?;
    let bare = BareServer::start("bare", &answer).await?;
    let load = Load::of("read", &[load::get(path, headers)])?;
    let load = if answer.is_refusal() { load.refused() } else { load };
    let (runs, limits) = in_turn(
        |_| load.run(&server.url, server.process()),
        |_| load.run(&bare.url, bare.process()),
    )
    .await?;
    Ok(Row::alone(name, "/s", runs, Goal::RatioAtLeast(goal)).beside("bare poem", limits))
}

/// The token with an invalid signature of the right length.
fn with_wrong_signature(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let reversed: String = signature.chars().rev().collect();
    format!("Bearer {signed}.{reversed}")
}

/// The first page of a long list beside the first page of a short one.
async fn long_list(server: &Server) -> anyhow::Result<Row> {
    let people = Person::sign_up_many(&server.url, 2).await?;
    let database = postgres::session(&server.database().await?).await?;
    let mut loads = Vec::new();
    for (person, tasks) in people.iter().zip([100, 10_000]) {
        postgres::write_tasks(&database, std::slice::from_ref(&person.id), tasks).await?;
        let answer = client().get(format!("{}{}", server.url, person.tasks()));
        let page: serde_json::Value =
            answer.bearer_auth(&person.access_token).send().await?.json().await?;
        ensure!(
            page.pointer("/total").and_then(serde_json::Value::as_i64) == Some(tasks),
            "{page}"
        );
        loads.push(Load::of(&format!("list-{tasks}"), &[person.list_request()])?);
    }
    let [short, long] = loads.as_slice() else { anyhow::bail!("there are two lists") };
    let (runs, limits) = in_turn(
        |_| long.run(&server.url, server.process()),
        |_| short.run(&server.url, server.process()),
    )
    .await?;
    let row =
        Row::alone("GET tasks (first 100 of 10,000 tasks)", "/s", runs, Goal::RatioAtLeast(0.8));
    Ok(row.beside("of 100 tasks", limits))
}

/// Queries that scan every task of a long list and bypass the response cache.
async fn long_looks(server: &Server) -> anyhow::Result<Vec<Row>> {
    let person = Person::sign_up(&server.url).await?;
    let database = postgres::session(&server.database().await?).await?;
    postgres::write_tasks(&database, std::slice::from_ref(&person.id), 10_000).await?;
    let mut rows = Vec::new();
    for (name, query) in [
        ("search in 10,000 tasks", "?q=the%20WAY&limit=20"),
        ("10,000 tasks by due date, with a tag", "?tag=home&sort=due&limit=20"),
    ] {
        let path = format!("{}{query}", person.tasks());
        let request = load::get(&path, &[("Authorization", &person.bearer())]);
        let load = Load::of("look", &[request])?.over(1);
        let mut runs = Vec::new();
        for _ in 0..LOOKS {
            let run = load.run(&server.url, server.process()).await?;
            runs.push(Figure { value: run.p99.unwrap_or(f64::NAN), ..run });
        }
        rows.push(Row::alone(format!("p99 of {name}"), "ms", runs, Goal::AtMost(5.0)));
    }
    Ok(rows)
}
