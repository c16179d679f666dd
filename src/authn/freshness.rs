//! The freshness check of cluster mode: it verifies that this node's memory still is true.
//!
//! Notifications make other nodes' changes known soon; this makes them known *before the next answer*. Requests that
//! arrive together share one round trip, which returns the current versions of the key ring and of their users' streams,
//! and those of their sessions that live. Reads and revocations, of sessions and of keys, are thereby linearizable across
//! nodes.
//! A single node needs none of it.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::accounts::Accounts;
use crate::base::id::{SessionId, UserId};
use crate::eventlog::StoreError;
use crate::eventlog::log::reader;
use crate::keys::Keys;
use crate::keys::private::vault;
use crate::postgres::{DatabaseError, Pool};
use crate::sessions::Sessions;
use crate::sessions::read_model::live_sessions;
use crate::span_outliving;
use crate::tasks::Tasks;
use crate::telemetry::TraceContext;
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Most requests that share one round trip.
const MAX_BATCH: usize = 512;
/// Most requests that wait for the round trip under way.
const QUEUE: usize = 4_096;

/// Handle of the check, which asks nothing on a single node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Freshness(Option<mpsc::Sender<Question>>);

/// Background task that answers the questions of a [`Freshness`].
#[derive(Debug)]
pub struct FreshnessCheck {
    /// Bounded queue of questions: those that wait share the next round trip.
    questions: mpsc::Receiver<Question>,
    /// Connections over which the database is asked.
    pool: Pool,
    /// Features that are told of newer versions before the questions are answered.
    memory: FeatureHandles,
}

/// Features whose state a node has in memory.
#[derive(Debug, Clone)]
pub struct FeatureHandles {
    /// Signing keys, whose ring must be newest for every question.
    pub keys: Keys,
    /// Accounts, entities of the users in question.
    pub accounts: Accounts,
    /// Sessions, entities of the users in question.
    pub sessions: Sessions,
    /// Task lists, entities of the users in question.
    pub tasks: Tasks,
}

#[derive(Debug)]
struct Question {
    /// User and session whose memory must be fresh; the key ring must be in any case.
    about: Option<(UserId, SessionId)>,
    /// Reply to the request; dropped if the request is cancelled.
    answer: oneshot::Sender<LiveSessions>,
    /// Trace of the request, which the span of the round trip joins.
    trace_context: TraceContext,
}

/// Sessions that live, of those in the questions of one round trip.
type LiveSessions = Result<Arc<HashSet<SessionId>>, StoreError>;

impl Freshness {
    /// Makes the handle of a single node, whose memory is always fresh.
    pub fn of_single_node() -> Self {
        Self(None)
    }

    /// Returns true if there may be other nodes.
    pub fn is_needed(&self) -> bool {
        self.0.is_some()
    }

    /// Makes the handle of one of several nodes, with the task that answers.
    pub fn of_cluster(pool: Pool, memory: FeatureHandles) -> (Self, FreshnessCheck) {
        let (sender, questions) = mpsc::channel(QUEUE);
        (Self(Some(sender)), FreshnessCheck { questions, pool, memory })
    }

    /// Returns true if the session lives, as far as other nodes know. Afterwards reads and decisions about the user's account,
    /// sessions and tasks, and verifications with keys, start from everything that any node has answered as done.
    ///
    /// # Errors
    ///
    /// If the database cannot be asked or too many wait.
    pub async fn check(&self, user_id: UserId, session_id: SessionId) -> Result<bool, StoreError> {
        let Some(questions) = &self.0 else { return Ok(true) };
        let live = ask(questions, Some((user_id, session_id))).await?;
        Ok(live.contains(&session_id))
    }

    /// Makes sure that the key ring has every change that any node has answered as done.
    ///
    /// # Errors
    ///
    /// If the database cannot be asked or too many wait.
    pub async fn of_keys(&self) -> Result<(), StoreError> {
        match &self.0 {
            Some(questions) => ask(questions, None).await.map(drop),
            None => Ok(()),
        }
    }
}

async fn ask(
    questions: &mpsc::Sender<Question>,
    about: Option<(UserId, SessionId)>,
) -> LiveSessions {
    let (answer, answered) = oneshot::channel();
    let trace_context = TraceContext::here();
    questions.try_send(Question { about, answer, trace_context }).map_err(|error| {
        if matches!(error, TrySendError::Full(_)) {
            audit_events::refused(Reason::FreshnessQueue);
        }
        StoreError::Overloaded
    })?;
    answered.await.unwrap_or(Err(StoreError::Overloaded))
}

/// Span in which questions that came together are answered: in the trace of the first that is kept, linked to the others'.
fn checking(questions: &[Question]) -> TraceContext {
    // Exported as a number only if it is signed.
    let count = i64::try_from(questions.len()).unwrap_or(i64::MAX);
    let asking = questions.iter().map(|question| &question.trace_context);
    let span =
        |first: &TraceContext| span_outliving!(&first.span, "freshness.check", questions = count);
    TraceContext::joined(asking, span).unwrap_or_else(TraceContext::here)
}

impl FreshnessCheck {
    /// Answers until every [`Freshness`] is gone.
    pub async fn run(mut self) {
        let mut questions = Vec::with_capacity(MAX_BATCH);
        while self.questions.recv_many(&mut questions, MAX_BATCH).await > 0 {
            let answer = checking(&questions).scope(self.ask(&questions)).await;
            for question in questions.drain(..) {
                // The request may have been cancelled.
                let _ = question.answer.send(answer.clone());
            }
        }
    }

    /// Returns the sessions that live, after memory has been told of newer versions.
    async fn ask(&self, questions: &[Question]) -> LiveSessions {
        let (users, sessions): (HashSet<_>, Vec<_>) =
            questions.iter().filter_map(|question| question.about).unzip();
        let of_users = users.iter().flat_map(|user| {
            [Accounts::stream(*user), Sessions::stream(*user), Tasks::stream(*user)]
        });
        let streams: Vec<_> = of_users.chain([vault::stream()]).collect();
        let client = self.pool.get().await?;
        // Polled together, they are sent together: one round trip.
        let (versions, live) = futures_util::future::try_join(
            reader::versions(&client, &streams),
            live_sessions(&client, &sessions),
        )
        .await?;
        drop(client);
        let of_keys = versions.last().copied().unwrap_or_default();
        for (stream, version) in streams.iter().zip(versions) {
            self.memory.accounts.require(stream, version);
            self.memory.sessions.require(stream, version);
            self.memory.tasks.require(stream, version);
        }
        if !self.memory.keys.require(of_keys).await {
            let reason = "the key ring cannot be read".to_owned();
            return Err(DatabaseError::Unavailable(reason).into());
        }
        Ok(Arc::new(live.into_iter().collect()))
    }
}
