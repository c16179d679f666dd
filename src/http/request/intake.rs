//! Intake of a request's body: its bytes are leased as they arrive, not as they are announced, until the request is answered.
//!
//! By then a body has become a command, which has a lease of its own, or is not needed any more.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use poem::{Body, Request};
use tokio::time::{Instant, timeout_at};

use super::body::{late, too_large, unreadable};
use crate::base::id::UserId;
use crate::capacity::budget::{Budget, Exhausted, Holder, Lease};
use crate::capacity::long_work::LongWork;
use crate::http::limits::{LeastRate, Pace, TimeLimits};
use crate::http::response::problem::Problem;
use crate::http::server::Server;

/// Bytes leased for each byte of a body: the byte itself, and at least as much again for the values that are read from it
/// before those have a lease of their own.
const WEIGHT: usize = 2;

/// Body of one request as far as it has arrived, with the limits that apply to it.
#[derive(Debug)]
pub struct Intake {
    /// Budget of the bodies of all requests.
    budget: Budget,
    /// Timeouts within which a body has to arrive.
    limits: TimeLimits,
    /// Threads that parse large bodies, so that they hold up no other request.
    long_work: LongWork,
    /// Client that holds the bytes until its user is known.
    client: Holder,
    /// User who holds the bytes once authenticated, so that users behind one address have shares of their own.
    user: OnceLock<UserId>,
    /// Leases of the body, released with the request.
    leases: Mutex<Vec<Lease>>,
}

impl Intake {
    /// Makes the intake of a request from this client, of which nothing has arrived.
    pub(crate) fn new(client: Holder, server: &Server) -> Self {
        let (budget, limits) = (server.budgets.bodies.clone(), server.time_limits);
        let long_work = server.long_work.clone();
        Self { budget, limits, long_work, client, user: OnceLock::new(), leases: Mutex::default() }
    }

    /// Holder of the bytes: the user once authenticated, the client before.
    fn holder(&self) -> Holder {
        self.user.get().map_or(self.client, |user| Holder::User(*user))
    }

    fn keep(&self, lease: Lease) {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).push(lease);
    }
}

/// Notes the user who was authenticated as the sender of the request.
pub(crate) fn proven(request: &Request, user: UserId) {
    if let Some(intake) = request.data::<Arc<Intake>>() {
        // A request is one user's: a second proof says the same.
        let _ = intake.user.set(user);
    }
}

/// User who was authenticated as the sender of the request, if any.
pub(crate) fn user(request: &Request) -> Option<UserId> {
    request.data::<Arc<Intake>>()?.user.get().copied()
}

/// Threads that read large bodies.
///
/// # Errors
///
/// If the request did not pass the edge.
pub(crate) fn long_work(request: &Request) -> Result<&LongWork, Problem> {
    let intake = request.data::<Arc<Intake>>();
    intake
        .map(|intake| &intake.long_work)
        .ok_or_else(|| Problem::internal(&"a body came past the edge"))
}

/// Receives the whole body, if it has at most `max` bytes, arrives in time, and there is room for it.
pub(crate) async fn receive(request: &Request, body: Body, max: usize) -> Result<Bytes, Problem> {
    let intake = request.data::<Arc<Intake>>();
    let intake = intake.ok_or_else(|| Problem::internal(&"a body came past the edge"))?;
    let (holder, mut lease) = (intake.holder(), None::<Lease>);
    let until = Until::of(intake.limits.receiving, intake.limits.body);
    let bytes = arrive(body, max, until, |bytes| {
        let weight = bytes.saturating_mul(WEIGHT);
        match &mut lease {
            Some(lease) => lease.grow_to(weight),
            None => intake.budget.lease(holder, weight).map(|first| lease = Some(first)),
        }
    });
    let bytes = bytes.await?;
    if let Some(lease) = lease {
        intake.keep(lease);
    }
    Ok(bytes)
}

/// Deadlines of a body.
#[derive(Debug)]
pub(crate) struct Until {
    /// Deadline of the next bytes, by the least rate.
    pace: Pace,
    /// Deadline of the whole body.
    end: Instant,
}

impl Until {
    /// Deadlines of an import's file.
    pub(crate) fn of_file(limits: &TimeLimits) -> Self {
        Self::of(limits.receiving, limits.file)
    }

    fn of(rate: LeastRate, time: Duration) -> Self {
        let now = Instant::now();
        Self { pace: Pace::begin(rate, now), end: now + time }
    }

    /// Deadline that comes first.
    fn next(&self) -> Instant {
        self.pace.until().min(self.end)
    }
}

/// Collects the whole body; `reserve` gets the number of bytes before they are kept, and may refuse them.
pub(crate) async fn arrive(
    body: Body,
    max: usize,
    mut deadlines: Until,
    mut reserve: impl FnMut(usize) -> Result<(), Exhausted>,
) -> Result<Bytes, Problem> {
    let mut pieces = std::pin::pin!(body.into_bytes_stream());
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    loop {
        let piece = timeout_at(deadlines.next(), pieces.next()).await.map_err(|_| late())?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|_| unreadable())?;
        deadlines.pace.moved(piece.len(), Instant::now());
        let length = first.len() + all.len() + piece.len();
        if length > max {
            return Err(too_large(max));
        }
        reserve(length).map_err(refused)?;
        // Most bodies arrive in one piece, which is kept as it is.
        if first.is_empty() && all.is_empty() {
            first = piece;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&piece);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

fn refused(_: Exhausted) -> Problem {
    Problem::overloaded()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::convert::Infallible;

    use futures_util::{FutureExt, stream};

    use super::*;
    use crate::capacity::budget::Purpose;

    /// Intake of a request in a test.
    pub(crate) fn intake(budget: Budget) -> Arc<Intake> {
        let (limits, client) = (TimeLimits::default(), Holder::client([192, 0, 2, 1].into()));
        let long_work = LongWork::start().unwrap();
        let (user, leases) = (OnceLock::new(), Mutex::default());
        Arc::new(Intake { budget, limits, long_work, client, user, leases })
    }

    fn sending(budget: &Budget) -> Request {
        let mut request = Request::default();
        request.set_data(intake(budget.clone()));
        request
    }

    fn pieces(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok::<_, Infallible>(*piece)).collect();
        Body::from_bytes_stream(
            stream::iter(pieces).map(|piece| piece.map_err(std::io::Error::other)),
        )
    }

    #[tokio::test]
    async fn a_body_may_have_as_many_bytes_as_the_operation_takes() {
        let budget = Budget::new(Purpose::Bodies, 100_000, 50_000);
        let request = sending(&budget);
        for body in [&["12345"][..], &["12", "34", "5"]] {
            let taken = receive(&request, pieces(body), 5).await;
            assert_eq!(taken, Ok(Bytes::from_static(b"12345")));
            assert_eq!(receive(&request, pieces(body), 4).await, Err(too_large(4)));
        }
    }

    #[tokio::test]
    async fn a_body_is_leased_as_it_arrives_until_its_request_is_answered() {
        let budget = Budget::new(Purpose::Bodies, 10 * WEIGHT, 5 * WEIGHT);
        let (eve, other) = (sending(&budget), sending(&budget));
        receive(&eve, pieces(&["123", "45"]), 100).await.unwrap();
        assert_eq!(budget.used(), 5 * WEIGHT);
        assert_eq!(receive(&other, pieces(&["1"]), 100).await, Err(Problem::overloaded()));
        drop(eve);
        assert_eq!(budget.used(), 0);
        let waiting = Body::from_bytes_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(receive(&other, waiting, 100).now_or_never(), None);
        assert_eq!(budget.used(), 0, "an announced body holds nothing");
    }

    #[test]
    fn a_user_has_a_share_of_their_own() {
        let budget = Budget::new(Purpose::Bodies, 10, 5);
        let request = sending(&budget);
        let user = UserId::from_uuid(uuid::Uuid::from_u128(1));
        proven(&request, user);
        let intake = request.data::<Arc<Intake>>().unwrap();
        assert_eq!(intake.holder(), Holder::User(user));
    }
}
