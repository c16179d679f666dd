//! Import files of the largest size.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::RequestBuilder;
use tokio::io::AsyncWriteExt;

use super::requests::{file, head, post};
use crate::attack::Attack;
use crate::people::Person;
use crate::stage::{Play, Stage, crowd};

const KIND: &str = "files";

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "large-imports",
        KIND,
        "8 users import 10,000 tasks of 8 kB each (80 MB) at the same time",
        |stage| Box::pin(large_imports(stage)),
    )
    .lasting(8.0),
    Attack::variation(
        "fitting-imports",
        KIND,
        "8 users import 10,000 tasks of 1.5 kB each (15 MB) at the same time, again and again",
        |stage| Box::pin(fitting_imports(stage)),
    )
    .lasting(6.0),
    Attack::variation(
        "imports-hung-up",
        KIND,
        "8 connections of 4 users send an import of 20 MB and hang up after the last byte",
        |stage| Box::pin(imports_hung_up(stage)),
    )
    .lasting(6.0),
    Attack::new(
        "csv-column",
        KIND,
        "2 users import a CSV file whose only column has a name of 190 MB",
        |stage| Box::pin(csv_column(stage)),
    )
    .lasting(6.0),
    Attack::variation(
        "json-member",
        KIND,
        "2 users import a JSON file with a member whose name has 100 MB",
        |stage| Box::pin(json_member(stage)),
    )
    .lasting(6.0),
    Attack::variation(
        "json-nesting",
        KIND,
        "4 users import a JSON file of 20,000,000 opening brackets",
        |stage| Box::pin(json_nesting(stage)),
    ),
];

/// Attack by users who repeatedly import a file with this media type.
async fn importing(
    stage: Stage,
    users: usize,
    file: Bytes,
    media_type: &'static str,
) -> anyhow::Result<Play> {
    let people = Arc::new(stage.people(users).await?);
    Ok(crowd(users, move |number| {
        let (stage, people, file) = (stage.clone(), Arc::clone(&people), file.clone());
        async move {
            let Some(person) = people.get(number) else { return };
            stage.send(import(&stage, person, file, media_type)).await;
        }
    }))
}

fn import(stage: &Stage, person: &Person, file: Bytes, media_type: &str) -> RequestBuilder {
    let request = stage.http.post(stage.url(&format!("{}/import", person.tasks())));
    request.bearer_auth(&person.access_token).header("content-type", media_type).body(file)
}

async fn large_imports(stage: Stage) -> anyhow::Result<Play> {
    importing(stage, 8, file(10_000, &"😀".repeat(2_000)), "application/json").await
}

async fn fitting_imports(stage: Stage) -> anyhow::Result<Play> {
    importing(stage, 8, file(10_000, &"d".repeat(1_500)), "application/json").await
}

async fn csv_column(stage: Stage) -> anyhow::Result<Play> {
    let mut text = vec![b'c'; 190 << 20];
    text.extend_from_slice(b"\nMilk\n");
    importing(stage, 2, text.into(), "text/csv").await
}

async fn json_member(stage: Stage) -> anyhow::Result<Play> {
    let member = "m".repeat(100 << 20);
    let text = format!("{{\"tasks\":[{{\"title\":\"Milk\",\"{member}\":1}}]}}");
    importing(stage, 2, text.into(), "application/json").await
}

async fn json_nesting(stage: Stage) -> anyhow::Result<Play> {
    importing(stage, 4, vec![b'['; 20_000_000].into(), "application/json").await
}

async fn imports_hung_up(stage: Stage) -> anyhow::Result<Play> {
    let people = stage.people(4).await?;
    let body = file(10_000, &"d".repeat(2_000));
    let more = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    // One import is sent to the end, to show in the report that the server accepts the file.
    for person in people.iter().take(1) {
        stage.send(post(&stage, person, "/import", body.clone())).await;
    }
    let heads: Vec<_> = people
        .iter()
        .map(|person| head("POST", &format!("{}/import", person.tasks()), person, &more))
        .collect();
    let heads = Arc::new(heads);
    Ok(crowd(8, move |number| {
        let (stage, heads, body) = (stage.clone(), Arc::clone(&heads), body.clone());
        async move {
            let Some(head) = heads.get(number % 4) else { return };
            let Some(mut connection) = stage.connect_and_send(head).await else { return };
            let sent = connection.write_all(&body).await;
            stage.hear(if sent.is_ok() { "sent and hung up" } else { "closed" });
        }
    }))
}
