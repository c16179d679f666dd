//! Places in the manual order.
//!
//! There is nearly always room between two neighbours. A gap is full only after hundreds of moves into it; then as few tasks
//! around it as possible get new positions.

use std::cmp::Ordering;
use std::sync::Arc;

use super::command::{Destination, Refusal};
use super::plan::Plan;
use super::task::{Fields, Task};
use crate::tasks::values::Position;

/// Tasks on either side of a full gap that get new positions at first; the number doubles until there is room.
const FEW: usize = 16;
/// Most digits of a position after spreading, unless the whole list is spread.
const SHORT: usize = 24;

impl Plan<'_> {
    /// Moves a task beside another one, unless it stands there already.
    pub(super) fn relocate(&mut self, task: &Task, place: Destination) -> Result<(), Refusal> {
        let (Destination::Before(other) | Destination::After(other)) = place;
        if other == task.id {
            return Ok(());
        }
        let other = self.state.tasks.get(other).ok_or(Refusal::NoSuchNeighbour(place))?;
        let other = other.position.clone();
        let is_others = |position: &&Position| **position != task.position;
        let places = self.state.tasks.places();
        let (lower, upper) = match place {
            Destination::Before(_) => {
                let lower = places.before(&other).find(is_others).cloned();
                (lower, Some(other))
            }
            Destination::After(_) => {
                let upper = places.after(&other).find(is_others).cloned();
                (Some(other), upper)
            }
        };
        let stands_there = lower.as_ref().is_none_or(|lower| *lower < task.position)
            && upper.as_ref().is_none_or(|upper| task.position < *upper);
        if !stands_there {
            let position = self.between(lower.as_ref(), upper.as_ref(), Some(task))?;
            self.make_so(task, Fields { position: Some(position), ..Fields::default() });
        }
        Ok(())
    }

    /// The position after the last one ever given out, for a task that is added.
    pub(super) fn end(&mut self) -> Result<Position, Refusal> {
        self.require_room()?;
        if let Some(position) = Position::between(self.state.last_position.as_ref(), None) {
            return Ok(position);
        }
        // An imported task took the very last position there is.
        let last = self.state.tasks.places().last().cloned();
        self.between(last.as_ref(), None, None)
    }

    /// The position itself, or the nearest one after it if another task stands there.
    pub(super) fn free(&mut self, position: &Position) -> Result<Position, Refusal> {
        let places = self.state.tasks.places();
        if !places.contains(position) {
            return Ok(position.clone());
        }
        let next = places.after(position).next().cloned();
        self.between(Some(position), next.as_ref(), None)
    }

    /// A position between two neighbours for a task that is `moving`, or for a new one. Spreads the tasks around a full gap.
    fn between(
        &mut self,
        lower: Option<&Position>,
        upper: Option<&Position>,
        moving: Option<&Task>,
    ) -> Result<Position, Refusal> {
        if let Some(position) = Position::between(lower, upper) {
            return Ok(position);
        }
        let mut order: Vec<_> = self.state.tasks.iter().cloned().collect();
        order.retain(|task| moving.is_none_or(|moving| moving.id != task.id));
        order.sort_by(|one, other| one.position.cmp(&other.position));
        let gap = order.partition_point(|task| upper.is_none_or(|upper| task.position < *upper));
        let (first, positions) = spread(&order, gap).ok_or(Refusal::ListFull)?;
        let mut place = None;
        for (index, position) in (first..).zip(positions) {
            match index.cmp(&gap) {
                Ordering::Equal => place = Some(position),
                side @ (Ordering::Less | Ordering::Greater) => {
                    let index = if side.is_lt() { index } else { index - 1 };
                    if let Some(task) = order.get(index) {
                        let position = Some(position);
                        self.make_so(task, Fields { position, ..Fields::default() });
                    }
                }
            }
        }
        place.ok_or(Refusal::ListFull)
    }
}

/// New positions for the tasks around a gap and for one more in it, and the index of the first of these tasks.
fn spread(order: &[Arc<Task>], gap: usize) -> Option<(usize, Vec<Position>)> {
    let mut few = FEW;
    loop {
        let (first, end) = (gap.saturating_sub(few), (gap + few).min(order.len()));
        let lower = first.checked_sub(1).and_then(|index| order.get(index));
        let upper = order.get(end);
        let positions = Position::spread(
            lower.map(|task| &task.position),
            upper.map(|task| &task.position),
            end - first + 1,
        );
        let is_short = |positions: &Vec<Position>| {
            positions.iter().all(|position| position.as_str().len() <= SHORT)
        };
        let is_whole = lower.is_none() && upper.is_none();
        match positions.filter(|positions| is_whole || is_short(positions)) {
            Some(positions) => return Some((first, positions)),
            None if is_whole => return None,
            None => few *= 2,
        }
    }
}
