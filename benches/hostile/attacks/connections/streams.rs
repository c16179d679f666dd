//! Places of event streams: taken, abandoned without closing, and taken again.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::attack::Attack;
use crate::attacks::requests::{fill, head, history, sign_in};
use crate::people::Person;
use crate::stage::{Play, Stage, crowd, hold, paced, read_to_end, ready};

const KIND: &str = "streams";
const REVOCATIONS: &[u8] = b"GET /api/auth/revocations/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "vanishing-streams",
        KIND,
        "30 clients at a time follow one list, hang up without a word and follow it again",
        |stage| Box::pin(vanishing_streams(stage)),
    ),
    Attack::new(
        "revocation-streams",
        KIND,
        "one client opens 1,200 streams of revocations, while another one tries to open one twice a second",
        |stage| ready(revocation_streams(stage)),
    ),
    Attack::variation(
        "ends-beside-streams",
        KIND,
        "1,000 streams of 40 users are open while sessions begin and end 30 times a second",
        |stage| Box::pin(ends_beside_streams(stage)),
    ),
    Attack::variation(
        "stream-churn",
        KIND,
        "streams of 8 users are opened and closed 300 times a second",
        |stage| Box::pin(stream_churn(stage)),
    ),
    Attack::variation(
        "unread-replays",
        KIND,
        "30 streams of one list begin with its first of 20,000 changes and are not read",
        |stage| Box::pin(unread_replays(stage)),
    ),
];

fn follow(person: &Person, query: &str) -> Vec<u8> {
    head("GET", &format!("{}/events{query}", person.tasks()), person, "")
}

/// Opens an event stream and counts the kind of response.
async fn open(stage: &Stage, request: &[u8], what: &str) -> Option<TcpStream> {
    let connection = stage.connect_and_send(request).await?;
    answered(stage, connection, what).await
}

/// Opens an event stream from a client address other than the attackers'.
async fn open_as_another(stage: &Stage, request: &[u8]) {
    let Some(mut connection) = stage.connect_as_another().await else { return };
    if connection.write_all(request).await.is_ok() {
        answered(stage, connection, "another client's").await;
    }
}

async fn answered(stage: &Stage, mut connection: TcpStream, what: &str) -> Option<TcpStream> {
    let mut line = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(5), connection.read_exact(&mut line)).await;
    if !matches!(read, Ok(Ok(_))) {
        stage.hear(&format!("{what} unanswered"));
        return None;
    }
    let status = String::from_utf8_lossy(line.get(9..).unwrap_or_default()).into_owned();
    stage.hear(&format!("{what} {status}"));
    (status == "200").then_some(connection)
}

async fn vanishing_streams(stage: Stage) -> anyhow::Result<Play> {
    let request: Arc<[u8]> = follow(&stage.person().await?, "").into();
    Ok(crowd(30, move |_| {
        let (stage, request) = (stage.clone(), Arc::clone(&request));
        async move {
            let connection = open(&stage, &request, "stream").await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            drop(connection);
        }
    }))
}

fn revocation_streams(stage: Stage) -> Play {
    crowd(1_201, move |number| {
        let stage = stage.clone();
        async move {
            if number == 1_200 {
                tokio::time::sleep(Duration::from_millis(500)).await;
                open_as_another(&stage, REVOCATIONS).await;
            } else if let Some(connection) = open(&stage, REVOCATIONS, "stream").await {
                hold().await;
                drop(connection);
            } else {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    })
}

async fn ends_beside_streams(stage: Stage) -> anyhow::Result<Play> {
    let people = stage.people(40).await?;
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(people.iter().map(|p| follow(p, "")).collect());
    let people = Arc::new(people);
    let streams = {
        let stage = stage.clone();
        crowd(1_000, move |number| {
            let (stage, requests) = (stage.clone(), Arc::clone(&requests));
            async move {
                let Some(request) = requests.get(number % 40) else { return };
                match open(&stage, request, "stream").await {
                    Some(mut connection) => read_to_end(&mut connection).await,
                    None => tokio::time::sleep(Duration::from_millis(200)).await,
                }
            }
        })
    };
    let ends = paced(30, move |number| {
        let (stage, people) = (stage.clone(), Arc::clone(&people));
        async move { begin_and_end(&stage, &people, number).await }
    });
    Ok(Box::new(move || {
        let (streams, ends) = (streams(), ends());
        Box::pin(async move {
            tokio::join!(streams, ends);
        })
    }))
}

async fn begin_and_end(stage: &Stage, people: &[Person], number: usize) {
    let Some(person) = people.get(number % people.len()) else { return };
    let Ok(answer) = sign_in(stage, person).send().await else { return };
    stage.hear(&format!("sign-in {}", answer.status().as_u16()));
    let Ok(body) = answer.json::<serde_json::Value>().await else { return };
    let Some(token) = body.pointer("/session/token").and_then(serde_json::Value::as_str) else {
        return;
    };
    let out = stage.http.post(stage.url("/api/auth/signout")).bearer_auth(token).send().await;
    stage.hear(&format!("sign-out {}", out.map_or(0, |answer| answer.status().as_u16())));
}

async fn stream_churn(stage: Stage) -> anyhow::Result<Play> {
    let people = stage.people(8).await?;
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(people.iter().map(|p| follow(p, "")).collect());
    Ok(paced(300, move |number| {
        let (stage, requests) = (stage.clone(), Arc::clone(&requests));
        async move {
            if let Some(request) = requests.get(number % 8) {
                drop(open(&stage, request, "stream").await);
            }
        }
    }))
}

async fn unread_replays(stage: Stage) -> anyhow::Result<Play> {
    let person = stage.person().await?;
    fill(&stage, &person, &[5_000], &"d".repeat(500)).await?;
    history(&stage, &person, 15_000).await?;
    let now = stage.version(&person).await?;
    let request: Arc<[u8]> = follow(&person, &format!("?since=1@{now}")).into();
    Ok(crowd(30, move |_| {
        let (stage, request) = (stage.clone(), Arc::clone(&request));
        async move {
            match open(&stage, &request, "stream").await {
                Some(connection) => {
                    hold().await;
                    drop(connection);
                }
                None => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }))
}
