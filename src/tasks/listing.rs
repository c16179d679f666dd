//! The read side of a task list: a page of it, filtered and searched, from published state.

use std::sync::Arc;

use super::ordered::OrderedTasks;
use super::task::Task;
use super::values::TaskId;

/// Tasks on a page unless asked otherwise.
pub const DEFAULT_LIMIT: usize = 100;
/// Most tasks on a page.
pub const MAX_LIMIT: usize = 1_000;
/// Most characters of a search text.
pub const MAX_QUERY_CHARACTERS: usize = 200;

/// Which tasks are wanted, and how many of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// Only tasks that are done, or only those that are not.
    pub completed: Option<bool>,
    /// Only tasks with this text in title or description, whatever its case. In lower case, and not empty.
    pub text: Option<String>,
    /// Only tasks after this one.
    pub after: Option<TaskId>,
    /// Most tasks on the page.
    pub limit: usize,
}

/// Everything, a page of the usual size at a time.
impl Default for Query {
    fn default() -> Self {
        Self { completed: None, text: None, after: None, limit: DEFAULT_LIMIT }
    }
}

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// The tasks in order of creation.
    pub tasks: Vec<&'a Arc<Task>>,
    /// The last task of the page, if more follow.
    pub next: Option<TaskId>,
    /// How many tasks match on all pages together.
    pub total: usize,
}

impl Query {
    /// The same for tasks that contain `text`, if any.
    #[must_use]
    pub fn containing(self, text: Option<&str>) -> Self {
        let text = text.filter(|text| !text.is_empty());
        Self { text: text.map(|text| folded(text).collect()), ..self }
    }

    fn wants_everything(&self) -> bool {
        self.completed.is_none() && self.text.is_none()
    }

    fn wants(&self, task: &Task, scratch: &mut String) -> bool {
        let mut contains = |text: &str, wanted: &str| {
            scratch.clear();
            scratch.extend(folded(text));
            scratch.contains(wanted)
        };
        self.completed.is_none_or(|completed| completed == task.completed)
            && self.text.as_deref().is_none_or(|wanted| {
                let description = task.description.as_ref();
                contains(task.title.as_str(), wanted)
                    || description.is_some_and(|text| contains(text.as_str(), wanted))
            })
    }
}

/// The text without regard to case, character by character: the same wherever a character stands in a word.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// The page that is asked for, found in one pass.
pub fn page<'a>(tasks: &'a OrderedTasks, query: &Query) -> Page<'a> {
    let limit = query.limit;
    if query.wants_everything() {
        let page: Vec<_> = match query.after {
            Some(id) => tasks.after(id).take(limit + 1).collect(),
            None => tasks.iter().take(limit + 1).collect(),
        };
        return finish(page, limit, tasks.len());
    }
    let (mut page, mut total, mut scratch) = (Vec::new(), 0, String::new());
    for task in tasks.iter().filter(|task| query.wants(task, &mut scratch)) {
        total += 1;
        if page.len() <= limit && query.after.is_none_or(|id| task.id > id) {
            page.push(task);
        }
    }
    finish(page, limit, total)
}

/// A page of up to `limit` tasks, of which one more was looked for.
fn finish(mut tasks: Vec<&Arc<Task>>, limit: usize, total: usize) -> Page<'_> {
    let more = tasks.len() > limit;
    tasks.truncate(limit);
    let next = tasks.last().filter(|_| more).map(|task| task.id);
    Page { tasks, next, total }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::clock::Timestamp;
    use crate::tasks::values::{Description, Title};

    fn id(number: u128) -> TaskId {
        TaskId::from_uuid(Uuid::from_u128(number))
    }

    fn task(number: u128, title: &str, completed: bool) -> Arc<Task> {
        let at = Timestamp::from_unix_millis(0);
        let description = Some(Description::parse("Für MORGEN").unwrap());
        let title = Title::parse(title).unwrap();
        Arc::new(Task {
            id: id(number),
            title,
            description,
            completed,
            created_at: at,
            updated_at: at,
        })
    }

    fn list() -> OrderedTasks {
        [
            task(1, "Milk", false),
            task(2, "Bread", true),
            task(3, "Oat milk", true),
            task(4, "Tea", false),
        ]
        .into_iter()
        .collect()
    }

    fn numbers(page: &Page<'_>) -> Vec<u128> {
        page.tasks.iter().map(|task| task.id.uuid().as_u128()).collect()
    }

    fn some(limit: usize) -> Query {
        Query { limit, ..Query::default() }
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let list = list();
        let first = page(&list, &some(3));
        assert_eq!((numbers(&first), first.next, first.total), (vec![1, 2, 3], Some(id(3)), 4));
        let second = page(&list, &Query { after: first.next, ..some(3) });
        assert_eq!((numbers(&second), second.next, second.total), (vec![4], None, 4));
    }

    #[test]
    fn a_cursor_stays_right_when_its_task_is_deleted() {
        let mut list = list();
        list.remove(id(2));
        let rest = Query { after: Some(id(2)), ..some(10) };
        assert_eq!(numbers(&page(&list, &rest)), [3, 4]);
    }

    #[test]
    fn the_filter_counts_all_pages() {
        let list = list();
        let done = page(&list, &Query { completed: Some(true), ..some(1) });
        assert_eq!((numbers(&done), done.next, done.total), (vec![2], Some(id(2)), 2));
    }

    #[test]
    fn the_search_looks_into_title_and_description_whatever_the_case() {
        let list = list();
        let found = |query: Query| numbers(&page(&list, &query));
        assert_eq!(found(some(10).containing(Some("MILK"))), [1, 3]);
        let done = Query { completed: Some(true), ..some(10) };
        assert_eq!(found(done.containing(Some("milk"))), [3]);
        assert_eq!(found(some(10).containing(Some("für morgen"))), [1, 2, 3, 4]);
        assert_eq!(found(some(10).containing(Some("beer"))), [0_u128; 0]);
        assert_eq!(found(some(10).containing(Some(""))), [1, 2, 3, 4]);
    }
}
