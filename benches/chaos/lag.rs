//! How soon a sign-out is known: on the node that answered it, and on the others.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::checker::history::{Outcome, Span};
use crate::clients::person::{Login, Person};
use crate::clients::world::{Door, PATIENCE, Reply, World};
use crate::cluster::postgres::{Postgres, Role};

/// How many sessions are signed out of.
const SIGN_OUTS: usize = 200;

/// Hears what nodes hear.
const LISTEN: &str =
    "do $$ begin execute format('listen %I', 'keyfold:' || current_schema()); end $$";

/// What was measured, in milliseconds of every sign-out.
#[derive(Debug, Default)]
pub struct Lag {
    /// From sending the sign-out to its answer.
    pub sign_out: Vec<f64>,
    /// The request that is sent to the same node at once, from sending to its refusal.
    pub same_node: Vec<f64>,
    /// The same at another node.
    pub other_node: Vec<f64>,
    /// From the answer to the notification that tells other nodes; negative when that came before the answer.
    pub notification: Vec<f64>,
    /// How many of these requests were accepted.
    pub accepted: usize,
}

/// Signs out again and again while nothing else happens, and asks at once.
///
/// # Errors
///
/// When the cluster does not serve.
pub async fn measure(world: &World, person: &Person, postgres: &Postgres) -> anyhow::Result<Lag> {
    let mut listening = postgres.session(Role::Primary).await?;
    listening.client.batch_execute(LISTEN).await?;
    let mut lag = Lag::default();
    for number in 0..SIGN_OUTS {
        let (here, there) = (Door::Node(number % 3), Door::Node((number + 1) % 3));
        let login = person.sign_in(world, there).await.context("nobody can sign in")?;
        for door in [here, there] {
            let known = person.list(world, door, &login, PATIENCE).await;
            ensure!(known.status() == Some(200), "a live session was answered with {known:?}");
        }
        while listening.notifications.try_recv().is_ok() {}
        let heard = async {
            let heard = tokio::time::timeout(PATIENCE, listening.notifications.recv()).await;
            heard.is_ok().then(Instant::now)
        };
        let asked = lag.ask(world, person, &login, here, there);
        let (heard, answered) = tokio::join!(heard, asked);
        lag.notification.push(signed_milliseconds(
            answered?,
            heard.context("the sign-out was not notified of")?,
        ));
    }
    Ok(lag)
}

impl Lag {
    /// Signs out and asks at both nodes at once; returns when the sign-out was answered.
    async fn ask(
        &mut self,
        world: &World,
        person: &Person,
        login: &Login,
        here: Door,
        there: Door,
    ) -> anyhow::Result<Instant> {
        let reply = person.sign_out(world, here, login).await;
        let answered = Instant::now();
        ensure!(reply.outcome() == Outcome::Done, "a sign-out was answered with {reply:?}");
        self.sign_out.push(milliseconds(reply.span));
        let (same, other) = tokio::join!(
            person.list(world, here, login, PATIENCE),
            person.session(world, there, login, PATIENCE),
        );
        self.same_node.push(milliseconds(same.span));
        self.other_node.push(milliseconds(other.span));
        self.accepted += [same, other].iter().filter(|reply| Reply::is_accepted(reply)).count();
        Ok(answered)
    }
}

fn milliseconds(span: Span) -> f64 {
    (span.ended.secs() - span.begun.secs()) * 1_000.0
}

fn signed_milliseconds(from: Instant, to: Instant) -> f64 {
    let of = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    if to >= from { of(to - from) } else { -of(from - to) }
}
