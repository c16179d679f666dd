//! Propagation time of a sign-out: at the node that processed it, and at the others.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::checker::history::{Outcome, Span};
use crate::clients::person::{Login, Person};
use crate::clients::world::{Door, PATIENCE, Reply, World};
use crate::cluster::postgres::{Postgres, Role};

/// Number of sign-outs measured.
const SIGN_OUTS: usize = 200;

/// Subscribes to the notifications that nodes receive.
const LISTEN: &str =
    "do $$ begin execute format('listen %I', 'keyfold:' || current_schema()); end $$";

/// Latencies in milliseconds, one for each sign-out.
#[derive(Debug, Default)]
pub struct Lag {
    /// Sign-out, from request to response.
    pub sign_out: Vec<f64>,
    /// Follow-up request to the node of the sign-out, from sending to refusal.
    pub same_node: Vec<f64>,
    /// Follow-up request to another node, from sending to refusal.
    pub other_node: Vec<f64>,
    /// Time from the response to the notification for other nodes; negative if the notification came first.
    pub notification: Vec<f64>,
    /// Number of follow-up requests that were accepted.
    pub accepted: usize,
}

/// Signs out repeatedly without other load, and sends follow-up requests at once.
///
/// # Errors
///
/// If the cluster does not respond.
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
    /// Signs out, then sends requests to both nodes at once; returns the time of the sign-out's response.
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
