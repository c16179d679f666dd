//! Statements that are sent together, before the first answer is read.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use tokio_postgres::{Error, Row};

/// Rows of a statement, or the error in place of them.
pub(super) type StatementResult = Result<Vec<Row>, Error>;

type PendingResult<'a> = Pin<Box<dyn Future<Output = StatementResult> + Send + 'a>>;

/// A statement that was handed to the connection.
struct SentStatement<'a> {
    /// Answer to come, which is awaited only if there was none at once.
    reply: PendingResult<'a>,
    /// The answer, if it was there at once. A failure that was there at once means that nothing was sent, for instance
    /// because a parameter has no encoding.
    early: Option<StatementResult>,
}

/// Statements in the order in which they were sent.
#[derive(Default)]
pub(crate) struct Pipeline<'a>(Vec<SentStatement<'a>>);

impl<'a> Pipeline<'a> {
    /// Sends a statement without waiting for its answer. Returns whether it could be sent.
    pub(crate) async fn send(
        &mut self,
        reply: impl Future<Output = StatementResult> + Send + 'a,
    ) -> bool {
        let mut reply: PendingResult<'a> = Box::pin(reply);
        let early = poll_fn(|context| {
            Poll::Ready(match reply.as_mut().poll(context) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            })
        })
        .await;
        let is_sent = !matches!(early, Some(Err(_)));
        self.0.push(SentStatement { reply, early });
        is_sent
    }

    /// Number of statements that were sent.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Every answer in order, also those after a failure: the connection has to be clean for its next user.
    pub(crate) async fn answers(self) -> Vec<StatementResult> {
        let mut answers = Vec::with_capacity(self.0.len());
        for SentStatement { reply, early } in self.0 {
            answers.push(match early {
                Some(answer) => answer,
                None => reply.await,
            });
        }
        answers
    }
}

/// The answer of a statement that returns no rows.
pub(super) async fn without_rows(done: impl Future<Output = Result<(), Error>>) -> StatementResult {
    done.await.map(|()| Vec::new())
}
