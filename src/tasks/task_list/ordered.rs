//! The tasks of one list in order of creation, with what would take long to compute for each request: the number of
//! completed tasks, their weight in bytes, and the manual order.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::sorted::{SortKey, Sorted};
use super::task::Task;
use crate::tasks::values::{Position, TaskId};

/// Tasks sorted by id, which is the order of creation.
#[derive(Debug, Clone, Default)]
pub struct OrderedTasks {
    /// The tasks themselves, shared with the snapshots that readers hold.
    tasks: Sorted<Arc<Task>>,
    /// Number of completed tasks, kept so that a page of the whole list needs no pass over it.
    completed: usize,
    /// Estimated bytes of all tasks, kept so that they need not be summed up after each change.
    weight: usize,
    /// Manual order, built on first use and kept up to date since. Two tasks share a position only while several are moved.
    places: Option<Sorted<Placed>>,
}

/// A task in the manual order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Placed(Position, TaskId);

impl SortKey for Arc<Task> {
    type Key = TaskId;

    fn key(&self) -> &TaskId {
        &self.id
    }
}

impl SortKey for Placed {
    type Key = Self;

    fn key(&self) -> &Self {
        self
    }
}

impl OrderedTasks {
    /// Number of tasks, completed or not.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// True if there are no tasks.
    pub fn is_empty(&self) -> bool {
        self.tasks.len() == 0
    }

    /// Number of completed tasks.
    pub fn completed(&self) -> usize {
        self.completed
    }

    /// Estimated bytes of the tasks and of their manual order.
    pub fn weight(&self) -> usize {
        self.weight + self.places.as_ref().map_or(0, |places| places.len() * size_of::<Placed>())
    }

    /// Bytes of the tasks whose search text is not cached yet.
    pub fn bytes_to_fold(&self) -> usize {
        self.iter().filter(|task| !task.is_folded()).map(|task| task.weight()).sum()
    }

    /// The task with this id, if there is one.
    pub fn get(&self, id: TaskId) -> Option<&Arc<Task>> {
        self.tasks.get(&id)
    }

    /// All tasks in order of creation.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.tasks.iter()
    }

    /// The tasks after `id` in order of creation. The task `id` need not be there any more.
    pub fn after(&self, id: TaskId) -> impl Iterator<Item = &Arc<Task>> {
        self.tasks.after(&id)
    }

    /// Inserts a task, or replaces the one with its id.
    pub fn insert(&mut self, task: Arc<Task>) {
        self.completed += usize::from(task.is_completed());
        self.weight += task.weight();
        let placed = Placed(task.position.clone(), task.id);
        if let Some(before) = self.tasks.insert(task) {
            self.completed -= usize::from(before.is_completed());
            self.weight -= before.weight();
            self.displace(&before);
        }
        if let Some(places) = &mut self.places {
            places.insert(placed);
        }
    }

    /// Removes a task, if it is there.
    pub fn remove(&mut self, id: TaskId) {
        if let Some(removed) = self.tasks.remove(&id) {
            self.completed -= usize::from(removed.is_completed());
            self.weight -= removed.weight();
            self.displace(&removed);
        }
    }

    fn displace(&mut self, task: &Task) {
        if let Some(places) = &mut self.places {
            places.remove(&Placed(task.position.clone(), task.id));
        }
    }

    /// The manual order, which is kept up to date from then on.
    pub(super) fn places(&mut self) -> TakenPositions<'_> {
        let tasks = &self.tasks;
        TakenPositions(self.places.get_or_insert_with(|| {
            let mut placed: Vec<_> =
                tasks.iter().map(|task| Placed(task.position.clone(), task.id)).collect();
            placed.sort_unstable();
            let mut sorted = Sorted::default();
            for placed in placed {
                sorted.insert(placed);
            }
            sorted
        }))
    }
}

/// The positions of all tasks, in ascending order.
#[derive(Debug)]
pub(super) struct TakenPositions<'a>(&'a Sorted<Placed>);

impl<'a> TakenPositions<'a> {
    /// True if a task stands at the position.
    pub(super) fn contains(&self, position: &Position) -> bool {
        let mut from_there = self.0.after(&before_all(position));
        from_there.next().is_some_and(|placed| placed.0 == *position)
    }

    /// The positions before a given one, in descending order.
    pub(super) fn before(&self, position: &Position) -> impl Iterator<Item = &'a Position> {
        self.0.before(&before_all(position)).map(|placed| &placed.0)
    }

    /// The positions after a given one, in ascending order.
    pub(super) fn after(&self, position: &Position) -> impl Iterator<Item = &'a Position> {
        let end = Placed(position.clone(), TaskId::from_uuid(uuid::Uuid::max()));
        self.0.after(&end).map(|placed| &placed.0)
    }

    /// The last position of all.
    pub(super) fn last(&self) -> Option<&'a Position> {
        self.0.iter().next_back().map(|placed| &placed.0)
    }
}

/// Search key that sorts before every task at a position.
fn before_all(position: &Position) -> Placed {
    Placed(position.clone(), TaskId::from_uuid(uuid::Uuid::nil()))
}

impl PartialEq for OrderedTasks {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for OrderedTasks {}

impl FromIterator<Arc<Task>> for OrderedTasks {
    fn from_iter<I: IntoIterator<Item = Arc<Task>>>(tasks: I) -> Self {
        let mut ordered = Self::default();
        tasks.into_iter().for_each(|task| ordered.insert(task));
        ordered
    }
}

impl Serialize for OrderedTasks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for OrderedTasks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Arc<Task>>::deserialize(deserializer).map(Self::from_iter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::testing::{at, content, id, position, task, version};

    #[test]
    fn tasks_weigh_what_those_weigh_that_are_there() {
        let mut tasks: OrderedTasks = (0..100).map(task).collect();
        let sum = |tasks: &OrderedTasks| tasks.iter().map(|task| task.weight()).sum::<usize>();
        assert_eq!(tasks.weight(), sum(&tasks));
        (0..50).for_each(|number| tasks.remove(id(number)));
        let long = "a".repeat(200);
        tasks.insert(Arc::new(Task::new(id(70), content(&long, 1), (at(0), at(0)), version(2))));
        assert_eq!(tasks.weight(), sum(&tasks));
        (0..100).for_each(|number| tasks.remove(id(number)));
        assert_eq!((tasks.weight(), tasks.len()), (0, 0));
    }

    #[test]
    fn the_manual_order_is_that_of_the_positions_also_while_tasks_change_places() {
        let moved = |number, steps| {
            Arc::new(Task::new(id(number), content("milk", steps), (at(0), at(0)), version(2)))
        };
        let mut tasks: OrderedTasks = (0..100).map(task).collect();
        assert_eq!(tasks.places().last(), Some(&position(99)));
        // In between, two tasks share a position.
        tasks.insert(moved(4, 5));
        tasks.insert(moved(5, 4));
        tasks.remove(id(99));
        let order: Vec<_> = (0..99).map(position).collect();
        let places = tasks.places();
        assert!(places.after(&position(0)).eq(&order[1..]) && places.last() == order.last());
        assert!(places.before(&position(50)).eq(order[..50].iter().rev()));
        assert!(places.contains(&position(5)) && !places.contains(&position(99)));
    }
}
