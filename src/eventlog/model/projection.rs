//! Projections: read models that follow the log inline.
//!
//! A projection turns an event into statements. They run in the transaction that appends the event, so a read model is
//! never behind the log; and because they depend on nothing but the event,
//! [`rebuild`](crate::eventlog::log::replay::rebuild) can make every read model again from the log alone.

use std::fmt;

use super::event::{DecodeError, EventView};
use super::statement::Statement;

/// Turns events into changes of read models.
pub trait Projection: Send + Sync + 'static {
    /// The tables it alone writes.
    fn tables(&self) -> &'static [&'static str];

    /// Statements that bring its tables up to date with rows beside the log that change without an event.
    fn beside(&self) -> &'static [&'static str] {
        &[]
    }

    /// The statements an event causes; none for events it does not follow.
    ///
    /// # Errors
    ///
    /// If an event it follows cannot be read.
    fn project(&self, event: &EventView<'_>) -> Result<Vec<Statement>, DecodeError>;
}

/// Every projection of the program.
#[derive(Default)]
pub struct Projections(Vec<Box<dyn Projection>>);

impl Projections {
    /// The given projections, run in this order.
    pub fn new(projections: Vec<Box<dyn Projection>>) -> Self {
        Self(projections)
    }

    /// Every table that a projection writes.
    pub fn tables(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|projection| projection.tables().iter().copied())
    }

    /// Every statement for rows beside the log that change without an event.
    pub(crate) fn beside(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|projection| projection.beside().iter().copied())
    }

    pub(crate) fn project(&self, event: &EventView<'_>) -> Result<Vec<Statement>, DecodeError> {
        let mut statements = Vec::new();
        for projection in &self.0 {
            statements.extend(projection.project(event)?);
        }
        Ok(statements)
    }
}

impl fmt::Debug for Projections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tables()).finish()
    }
}
