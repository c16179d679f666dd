//! Sign-ins beside bare password hashes, and reads during a storm of sign-ins.

use std::sync::{Mutex, PoisonError};

use crate::figures::{Figure, Goal, Row, in_turn, values};
use crate::limits::{hash_on_all_cores, hashes};
use crate::load::Load;
use crate::people::Person;
use crate::server::Server;

/// Connections of the storm.
const CONNECTIONS: u32 = 8;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let server = Server::start("sign-in").await?;
    let people = Person::sign_up_many(&server.url, 8).await?;
    let requests: Vec<_> = people.iter().map(Person::sign_in_request).collect();
    let storm = Load::of("sign-in", &requests)?.over(CONNECTIONS);
    let (runs, limits) =
        in_turn(|_| storm.run(&server.url, server.process()), |_| hashes()).await?;
    let alone = Row::alone("sign in (8 connections)", "/s", runs, Goal::RatioAtLeast(0.95))
        .beside("Argon2id on all cores", limits);

    let ada = Person::sign_up(&server.url).await?;
    ada.create_tasks(&server.url, 20).await?;
    let reads = Load::of("read", &[ada.list_request()])?;
    let storms = Mutex::default();
    let (runs, limits) =
        in_turn(|_| together(&server, &reads, &storm, &storms), |_| beside_hashes(&server, &reads))
            .await?;
    let storm = values(&storms.into_inner()?);
    let name = format!("GET tasks while 8 connections sign in ({storm:.0}/s)");
    let both = Row::alone(name, "/s", runs, Goal::RatioAtLeast(0.9))
        .beside("while another process hashes on all cores, at normal niceness", limits);
    server.stop().await?;
    Ok(vec![alone, both])
}

/// Reads during a storm of sign-ins, whose rate is appended to `storms`.
async fn together(
    server: &Server,
    reads: &Load,
    storm: &Load,
    storms: &Mutex<Vec<Figure>>,
) -> anyhow::Result<Figure> {
    let reads = reads.run(&server.url, server.process());
    let (reads, signed_in) = tokio::try_join!(reads, storm.run(&server.url, server.process()))?;
    storms.lock().unwrap_or_else(PoisonError::into_inner).push(signed_in);
    Ok(reads)
}

async fn beside_hashes(server: &Server, reads: &Load) -> anyhow::Result<Figure> {
    let work = hash_on_all_cores()?;
    let reads = reads.run(&server.url, server.process()).await;
    work.end()?;
    reads
}
