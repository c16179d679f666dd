//! Fresh access tokens beside bare RS256 signatures.

use crate::figures::{Goal, Row, in_turn};
use crate::limits::signatures;
use crate::load::{self, Load};
use crate::people::Person;
use crate::server::Server;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let server = Server::start("tokens").await?;
    let ada = Person::sign_up(&server.url).await?;
    let request = load::get("/api/auth/token", &[("Cookie", &ada.cookie())]);
    let load = Load::of("token", &[request])?;
    let (runs, limits) =
        in_turn(|_| load.run(&server.url, server.process()), |_| signatures()).await?;
    server.stop().await?;
    let row = Row::alone("GET token", "/s", runs, Goal::RatioAtLeast(0.8));
    Ok(vec![row.beside("RS256 on all cores", limits)])
}
