//! Differences between two states of a list.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::moment::Past;
use crate::base::id::UserId;
use crate::eventlog::Point;
use crate::tasks::lists::Tasks;
use crate::tasks::paging::PageError;
use crate::tasks::task_list::ordered::OrderedTasks;
use crate::tasks::task_list::task::{Fields, Task};
use crate::tasks::values::TaskId;

/// Bytes of fields at which a page of differences ends.
const MAX_PAGE: usize = 512 * 1024;

/// Difference between two states of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Task whose states differ.
    pub task_id: TaskId,
    /// Fields in the first state; `None` if the task did not exist.
    pub before: Option<Fields>,
    /// Fields in the second state; `None` if the task does not exist any more.
    pub after: Option<Fields>,
}

/// A page of differences between two states of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    /// Differences of the page, sorted by task.
    pub found: Vec<Difference>,
    /// True if there are more.
    pub more: bool,
}

/// End of a page of the differences between two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DifferenceCursor {
    /// First version that is compared.
    pub from: Point,
    /// Second version that is compared.
    pub to: Point,
    /// Last task of the page.
    pub after: TaskId,
}

/// Error: the text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidDifferenceCursor;

impl fmt::Display for DifferenceCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, after } = self;
        write!(f, "{from}~{to}~{after}")
    }
}

impl FromStr for DifferenceCursor {
    type Err = InvalidDifferenceCursor;

    fn from_str(text: &str) -> Result<Self, InvalidDifferenceCursor> {
        let [from, to, after] = text.splitn(3, '~').collect::<Vec<_>>()[..] else {
            return Err(InvalidDifferenceCursor);
        };
        let point = |text: &str| text.parse().map_err(|_| InvalidDifferenceCursor);
        let after = after.parse().map_err(|_| InvalidDifferenceCursor)?;
        Ok(Self { from: point(from)?, to: point(to)?, after })
    }
}

impl Tasks {
    /// Up to `limit` of the differences between two states of a list, from the task after `after` on, or as many as a page
    /// has bytes for. They are computed on the threads for long work, one page at a time for each user.
    ///
    /// # Errors
    ///
    /// If too much of the user's work waits already, or the wait times out.
    pub async fn differences(
        &self,
        owner: UserId,
        (from, to): (Past, Past),
        after: Option<TaskId>,
        limit: usize,
    ) -> Result<Differences, PageError> {
        let permit = self.permit(owner).await?;
        let find = move || {
            let found = differences(&from.state.tasks, &to.state.tasks, after, limit);
            // The permit belongs to the work, even if the client disconnects.
            drop(permit);
            found
        };
        self.long_work().run(find).await.map_err(PageError::of_encoding)
    }
}

fn differences(
    from: &OrderedTasks,
    to: &OrderedTasks,
    after: Option<TaskId>,
    limit: usize,
) -> Differences {
    let (mut from, mut to) = (later(from, after).peekable(), later(to, after).peekable());
    let (mut found, mut bytes) = (Vec::new(), 0);
    loop {
        let id = match (from.peek(), to.peek()) {
            (Some(one), Some(other)) => one.id.min(other.id),
            (Some(only), None) | (None, Some(only)) => only.id,
            (None, None) => return Differences { found, more: false },
        };
        let before = from.next_if(|task| task.id == id);
        let after = to.next_if(|task| task.id == id);
        if let Some(difference) = difference(id, before, after) {
            if found.len() == limit || bytes >= MAX_PAGE {
                return Differences { found, more: true };
            }
            bytes += difference.bytes();
            found.push(difference);
        }
    }
}

fn later(
    tasks: &OrderedTasks,
    after: Option<TaskId>,
) -> Box<dyn Iterator<Item = &Arc<Task>> + Send + '_> {
    match after {
        Some(id) => Box::new(tasks.after(id)),
        None => Box::new(tasks.iter()),
    }
}

fn difference(
    task_id: TaskId,
    before: Option<&Arc<Task>>,
    after: Option<&Arc<Task>>,
) -> Option<Difference> {
    let whole = |task: &Arc<Task>| Fields::all(task.content.clone());
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => {
            let changed = whole(after).unlike(&before.content);
            if changed.is_empty() {
                return None;
            }
            (Some(changed.as_in(&before.content)), Some(changed))
        }
        (before, after) => (before.map(whole), after.map(whole)),
    };
    Some(Difference { task_id, before, after })
}

impl Difference {
    /// Estimated bytes of its fields.
    fn bytes(&self) -> usize {
        [&self.before, &self.after].into_iter().flatten().map(Fields::bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::testing::{at, content, id, title, version};
    use crate::tasks::values::Description;

    fn task(number: u128, text: &str) -> Arc<Task> {
        Arc::new(Task::new(id(number), content(text, 0), (at(0), at(0)), version(1)))
    }

    fn named(text: &str) -> Fields {
        Fields { title: Some(title(text)), ..Fields::default() }
    }

    fn whole(text: &str) -> Fields {
        Fields::all(content(text, 0))
    }

    fn page(found: &[Difference], more: bool) -> Differences {
        Differences { found: found.to_vec(), more }
    }

    #[test]
    fn a_cursor_is_read_back_as_it_was_written_and_nothing_else_is_one() {
        let (from, to) = ("0".parse().unwrap(), "7.Zk3x_9Qa".parse().unwrap());
        let cursor = DifferenceCursor { from, to, after: id(3) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        let after = id(3);
        for text in ["", "~~", &after.to_string(), &format!("0~7~{after}"), &format!("{cursor}~")] {
            assert_eq!(text.parse::<DifferenceCursor>(), Err(InvalidDifferenceCursor), "{text}");
        }
    }

    #[test]
    fn what_was_added_changed_and_deleted_is_told_once_per_task() {
        let from = [task(1, "a"), task(2, "b"), task(3, "c")].into_iter().collect();
        let to = [task(1, "a"), task(3, "C"), task(4, "d")].into_iter().collect();
        let expected = [
            Difference { task_id: id(2), before: Some(whole("b")), after: None },
            Difference { task_id: id(3), before: Some(named("c")), after: Some(named("C")) },
            Difference { task_id: id(4), before: None, after: Some(whole("d")) },
        ];
        assert_eq!(differences(&from, &to, None, 10), page(&expected, false));
        assert_eq!(differences(&from, &to, None, 3), page(&expected, false));
        assert_eq!(differences(&from, &to, None, 2), page(&expected[..2], true));
        assert_eq!(differences(&from, &to, Some(id(3)), 2), page(&expected[2..], false));
        assert_eq!(differences(&to, &to, None, 10), page(&[], false));
    }

    #[test]
    fn a_page_of_differences_is_bounded_in_bytes_and_the_next_one_goes_on() {
        let long = |number| {
            let mut content = content("a", 0);
            content.description = Some(Description::parse(&"😀".repeat(2_000)).unwrap());
            Arc::new(Task::new(id(number), content, (at(0), at(0)), version(1)))
        };
        let (none, all) = (OrderedTasks::default(), (1..=400).map(long).collect());
        let (mut pages, mut told, mut after) = (0, Vec::new(), None);
        loop {
            let page = differences(&none, &all, after, 1_000);
            let bytes: usize = page.found.iter().map(Difference::bytes).sum();
            assert!(bytes < MAX_PAGE + 10_000, "{bytes} bytes");
            told.extend(page.found.into_iter().map(|difference| difference.task_id));
            (pages, after) = (pages + 1, told.last().copied());
            if !page.more {
                break;
            }
        }
        assert_eq!((pages, told), (7, (1..=400).map(id).collect::<Vec<_>>()));
    }
}
