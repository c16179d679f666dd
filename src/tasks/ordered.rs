//! The tasks of one list in creation order: a persistent sorted sequence.
//!
//! A list is cloned for every change, while readers hold the old one. It is therefore kept in chunks behind `Arc`s: a
//! clone copies one pointer per chunk, and a change copies one chunk.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::task::Task;
use super::values::TaskId;

/// Most tasks in a chunk.
const CHUNK: usize = 64;

type Chunk = Arc<Vec<Arc<Task>>>;

/// Tasks sorted by id, which is the order of creation.
#[derive(Debug, Clone, Default)]
pub struct OrderedTasks {
    chunks: Vec<Chunk>,
    len: usize,
    completed: usize,
}

impl OrderedTasks {
    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many of them are done.
    pub fn completed(&self) -> usize {
        self.completed
    }

    /// The task with this id.
    pub fn get(&self, id: TaskId) -> Option<&Arc<Task>> {
        let chunk = self.chunks.get(self.chunk_of(id))?;
        chunk.binary_search_by_key(&id, |task| task.id).ok().and_then(|index| chunk.get(index))
    }

    /// All tasks in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The tasks after `id` in order, whether or not `id` is still there.
    pub fn after(&self, id: TaskId) -> impl Iterator<Item = &Arc<Task>> {
        let later = self.chunks.iter().skip(self.chunk_of(id));
        later.flat_map(|chunk| chunk.iter()).skip_while(move |task| task.id <= id)
    }

    /// Puts a task in its place, instead of the one with the same id if there is one.
    pub fn insert(&mut self, task: Arc<Task>) {
        let at = self.chunk_of(task.id);
        self.completed += usize::from(task.is_completed());
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Arc::new(vec![task]));
            self.len += 1;
            return;
        };
        let tasks = Arc::make_mut(chunk);
        match tasks.binary_search_by_key(&task.id, |present| present.id) {
            Ok(index) => {
                if let Some(present) = tasks.get_mut(index) {
                    self.completed -= usize::from(present.is_completed());
                    *present = task;
                }
            }
            Err(index) => {
                tasks.insert(index, task);
                self.len += 1;
                if tasks.len() > CHUNK {
                    let upper = tasks.split_off(split_at(index, tasks.len()));
                    self.chunks.insert(at + 1, Arc::new(upper));
                }
            }
        }
    }

    /// Takes a task out.
    pub fn remove(&mut self, id: TaskId) {
        let at = self.chunk_of(id);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        if let Ok(index) = chunk.binary_search_by_key(&id, |task| task.id) {
            let removed = Arc::make_mut(chunk).remove(index);
            self.completed -= usize::from(removed.is_completed());
            self.len -= 1;
            if chunk.is_empty() {
                self.chunks.remove(at);
            }
        }
    }

    /// Index of the chunk that holds `id`, or would.
    fn chunk_of(&self, id: TaskId) -> usize {
        let begin_after = |chunk: &Chunk| chunk.first().is_some_and(|first| first.id > id);
        self.chunks.partition_point(|chunk| !begin_after(chunk)).saturating_sub(1)
    }
}

/// Where a full chunk is split: appending leaves full chunks behind, inserting leaves two halves.
fn split_at(inserted: usize, len: usize) -> usize {
    if inserted + 1 == len { len - 1 } else { len / 2 }
}

impl PartialEq for OrderedTasks {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
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
    use crate::tasks::testing::{id, task};

    fn ids(tasks: &OrderedTasks) -> Vec<u128> {
        tasks.iter().map(|task| task.id.uuid().as_u128()).collect()
    }

    #[test]
    fn tasks_are_in_order_whatever_order_they_came_in() {
        let numbers = (0..1000_u128).map(|number| number * 7919 % 1009);
        let tasks: OrderedTasks = numbers.clone().map(task).collect();
        let mut sorted: Vec<_> = numbers.collect();
        sorted.sort_unstable();
        assert_eq!(ids(&tasks), sorted);
        assert_eq!(tasks.len(), 1000);
        assert!(
            sorted
                .iter()
                .all(|number| tasks.get(id(*number)).is_some_and(|task| task.id == id(*number)))
        );
    }

    #[test]
    fn the_rest_after_an_id_needs_no_task_with_that_id() {
        let mut tasks: OrderedTasks = (0..200).map(task).collect();
        tasks.remove(id(63));
        for number in [0, 62, 63, 64, 65, 198] {
            assert_eq!(
                tasks.after(id(number)).next().map(|task| task.id),
                (number + 1..200).map(id).find(|id| tasks.get(*id).is_some())
            );
        }
        assert!(tasks.after(id(199)).next().is_none());
    }

    #[test]
    fn a_clone_keeps_what_it_saw() {
        let before: OrderedTasks = (0..130).map(task).collect();
        let mut after = before.clone();
        (0..130).step_by(2).for_each(|number| after.remove(id(number)));
        after.insert(task(500));
        assert_eq!(before.len(), 130);
        assert_eq!(ids(&after), (1..130).step_by(2).chain([500]).collect::<Vec<_>>());
        (0..1000).for_each(|number| after.remove(id(number)));
        assert!(after.is_empty());
    }
}
