//! Read side of a task list: a page of it, filtered, searched and sorted, from the published state.

mod cursor;

use std::sync::Arc;

pub use self::cursor::{Cursor, CursorPosition, InvalidCursor, Order, Sort};
use super::search;
use super::task_list::ordered::OrderedTasks;
use super::task_list::task::Task;
use super::values::{Bound, Priority, Tags};

/// Tasks on a page, unless the request says otherwise.
pub const DEFAULT_LIMIT: usize = 100;
/// Most tasks on a page.
pub const MAX_LIMIT: usize = 1_000;

/// Query for a page: the tasks to show, their order, and their number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// If set, only completed tasks or only open ones.
    pub completed: Option<bool>,
    /// Conditions that tasks have to meet, completed or not.
    pub filter: Filter,
    /// Key to sort by.
    pub sort: Sort,
    /// Direction of the order.
    pub order: Order,
    /// Cursor of the previous page: only tasks after it.
    pub after: Option<Cursor>,
    /// Most tasks on the page.
    pub limit: usize,
}

/// Conditions that tasks have to meet, completed or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Only tasks with one of these priorities. If empty, any priority.
    pub priorities: Vec<Priority>,
    /// Only tasks with all of these tags, folded as for a search.
    pub tags: Vec<String>,
    /// Only tasks that are not due before this.
    pub due_from: Option<Bound>,
    /// Only tasks that are not due after this.
    pub due_until: Option<Bound>,
    /// Only tasks with this text, folded, in title or description.
    pub text: Option<String>,
}

/// All tasks, a page of the usual size at a time.
impl Default for Query {
    fn default() -> Self {
        Self {
            completed: None,
            filter: Filter::default(),
            sort: Sort::default(),
            order: Order::default(),
            after: None,
            limit: DEFAULT_LIMIT,
        }
    }
}

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// Tasks of the page, in the order of the query.
    pub tasks: Vec<&'a Arc<Task>>,
    /// Place of the last task of the page, if more follow.
    pub next: Option<CursorPosition<'static>>,
    /// Numbers of tasks on all pages that pass the filter, whatever the query's `completed` says.
    pub counts: Counts,
    /// Number of tasks that match on all pages together.
    pub total: usize,
}

/// Numbers of open and completed tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of open tasks.
    pub open: usize,
    /// Number of completed tasks.
    pub completed: usize,
}

impl Filter {
    /// This filter for tasks that contain `text`, if it is given and not empty.
    #[must_use]
    pub fn containing(self, text: Option<&str>) -> Self {
        let text = text.filter(|text| !text.is_empty()).map(|text| {
            let folded = search::folded(text);
            // A text that folds to nothing is searched as it is, so that it does not match every task.
            if folded.is_empty() { text.to_owned() } else { folded }
        });
        Self { text, ..self }
    }

    /// This filter for tasks that have all of these tags, in place of the tags that it had.
    #[must_use]
    pub fn tagged(self, tags: &Tags) -> Self {
        Self { tags: tags.iter().map(search::folded).collect(), ..self }
    }

    /// True for a filter without texts, tags and dates. There are few such filters, so answers to them can be cached.
    pub fn is_of_few(&self) -> bool {
        let Self { priorities: _, tags, due_from, due_until, text } = self;
        tags.is_empty() && due_from.is_none() && due_until.is_none() && text.is_none()
    }

    /// True if the filter compares texts, which needs the search texts of the tasks.
    pub fn searches(&self) -> bool {
        self.text.is_some() || !self.tags.is_empty()
    }

    fn is_open(&self) -> bool {
        *self == Self::default()
    }

    fn lets_pass(&self, task: &Task) -> bool {
        let due = |is_within: &dyn Fn(&super::values::Due) -> bool| {
            task.due.as_ref().is_some_and(is_within)
        };
        (self.priorities.is_empty() || self.priorities.contains(&task.priority))
            && self.tags.iter().all(|tag| task.folded().has_tag(tag))
            && self.due_from.is_none_or(|from| due(&|due| due.is_from(from)))
            && self.due_until.is_none_or(|until| due(&|due| due.is_until(until)))
            && self.text.as_ref().is_none_or(|text| task.folded().has_text(text))
    }
}

impl Query {
    fn wants(&self, task: &Task) -> bool {
        self.completed.is_none_or(|completed| completed == task.is_completed())
    }

    /// True for a query of all tasks in order of creation, which the list keeps anyway.
    fn is_plain(&self) -> bool {
        self.completed.is_none()
            && self.filter.is_open()
            && (self.sort, self.order) == (Sort::Created, Order::Asc)
    }
}

/// The page that the query asks for.
pub fn page<'a>(tasks: &'a OrderedTasks, query: &Query) -> Page<'a> {
    if query.is_plain() { beginning(tasks, query) } else { selection(tasks, query) }
}

/// A page of all tasks in order of creation.
fn beginning<'a>(tasks: &'a OrderedTasks, query: &Query) -> Page<'a> {
    let page: Vec<_> = match &query.after {
        Some(cursor) => tasks.after(cursor.place.id()).take(query.limit + 1).collect(),
        None => tasks.iter().take(query.limit + 1).collect(),
    };
    let counts = Counts { open: tasks.len() - tasks.completed(), completed: tasks.completed() };
    finish(page, query, counts, tasks.len())
}

/// A page of the tasks that pass the filter, found in one pass. Only the page itself is sorted.
fn selection<'a>(tasks: &'a OrderedTasks, query: &Query) -> Page<'a> {
    let (mut counts, mut total, mut found) = (Counts::default(), 0, Vec::new());
    for task in tasks.iter().filter(|task| query.filter.lets_pass(task)) {
        *(if task.is_completed() { &mut counts.completed } else { &mut counts.open }) += 1;
        if query.wants(task) {
            total += 1;
            let place = CursorPosition::of(task, query.sort);
            let is_later = |after: &Cursor| {
                place.compare(&after.place, query.order) == std::cmp::Ordering::Greater
            };
            if query.after.as_ref().is_none_or(is_later) {
                found.push((place, task));
            }
        }
    }
    let compare = |one: &(CursorPosition<'_>, _), other: &(CursorPosition<'_>, _)| {
        one.0.compare(&other.0, query.order)
    };
    if found.len() > query.limit + 1 {
        found.select_nth_unstable_by(query.limit, compare);
        found.truncate(query.limit + 1);
    }
    found.sort_unstable_by(compare);
    finish(found.into_iter().map(|(_, task)| task).collect(), query, counts, total)
}

/// Cuts a page to `limit` tasks. One more was looked for, to learn if another page follows.
fn finish<'a>(
    mut tasks: Vec<&'a Arc<Task>>,
    query: &Query,
    counts: Counts,
    total: usize,
) -> Page<'a> {
    let more = tasks.len() > query.limit;
    tasks.truncate(query.limit);
    let last = tasks.last().filter(|_| more);
    let next = last.map(|task| CursorPosition::of(task, query.sort).kept());
    Page { tasks, next, counts, total }
}

#[cfg(test)]
mod tests;
