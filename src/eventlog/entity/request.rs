//! A command on its way to its entity, with everything that goes with it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::capacity::budget::Lease;
use crate::eventlog::model::append::Context;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::published::Outcome;
use crate::eventlog::model::statement::Statement;

/// A command, who asks for it, and the rows that are written with its events.
pub struct Execution<D: Decider> {
    pub(super) command: D::Command,
    pub(super) context: Context,
    pub(super) beside: Vec<Arc<Statement>>,
    pub(super) record: Option<Record<D>>,
    /// What is given back when the command is answered.
    pub(super) kept: Vec<Box<dyn Any + Send + Sync>>,
    /// Whether somebody holds a lease for its bytes already.
    pub(super) is_paid_for: bool,
}

impl<D: Decider> Execution<D> {
    /// A command and who asks for it.
    pub fn new(command: D::Command, context: Context) -> Self {
        Self {
            command,
            context,
            beside: Vec::new(),
            record: None,
            kept: Vec::new(),
            is_paid_for: false,
        }
    }

    /// With rows written in the transaction of the command's events; not written when it has none.
    #[must_use]
    pub fn beside(mut self, statements: Vec<Statement>) -> Self {
        self.beside.extend(statements.into_iter().map(Arc::new));
        self
    }

    /// With a record of its outcome.
    #[must_use]
    pub fn recorded(mut self, record: Record<D>) -> Self {
        self.record = Some(record);
        self
    }

    /// With a lease of its bytes, of another budget than that of commands; it goes with it until it is answered.
    #[must_use]
    pub fn paid_by(mut self, lease: Lease) -> Self {
        self.is_paid_for = true;
        self.keeping(lease)
    }

    /// With something that goes with it until it is answered, whoever stops waiting for it: a turn for instance.
    #[must_use]
    pub fn keeping(mut self, kept: impl Send + Sync + 'static) -> Self {
        self.kept.push(Box::new(kept));
        self
    }
}

impl<D: Decider> fmt::Debug for Execution<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution").field("command", &self.command).finish_non_exhaustive()
    }
}

/// Makes a row out of exactly the outcome that a command is answered with.
///
/// The row is written in the transaction of the command's events, or in one of its own when there are none, so an outcome
/// is answered only if it is recorded. A refused command is not recorded. When the command has to be decided again,
/// because another writer was faster, its record is made again too.
pub struct Record<D: Decider>(Arc<Make<D>>);

type Make<D> = dyn Fn(&Outcome<D>) -> serde_json::Result<Statement> + Send + Sync;

impl<D: Decider> Record<D> {
    /// A record that is made this way. It fails when the outcome has no JSON form; the command is then not carried out.
    pub fn new(
        make: impl Fn(&Outcome<D>) -> serde_json::Result<Statement> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(make))
    }

    pub(super) fn of(&self, outcome: &Outcome<D>) -> serde_json::Result<Statement> {
        (self.0)(outcome)
    }
}

impl<D: Decider> Clone for Record<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Decider> fmt::Debug for Record<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record(..)")
    }
}
