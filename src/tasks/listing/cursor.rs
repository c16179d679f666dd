//! Cursors: the end of a page, so that the next page begins right after it.
//!
//! A cursor names the last task of a page and its sort key. It therefore stays valid while the list changes: it does not
//! count tasks, and its task may be deleted. It also has the version of the list that the page shows, because pages of
//! different histories must not be combined.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::base::clock::Timestamp;
use crate::eventlog::Point;
use crate::tasks::task_list::task::Task;
use crate::tasks::values::{Position, Priority, TaskId};

/// Key by which a list is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// Time at which a task was added.
    #[default]
    Created,
    /// Time of the last change.
    Updated,
    /// Due date. Tasks without one come last in either order.
    Due,
    /// Priority, from none to high.
    Priority,
    /// Position in the manual order.
    Position,
}

/// Direction of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Ascending: the earliest, least or first comes first.
    #[default]
    Asc,
    /// Descending: the latest, greatest or last comes first.
    Desc,
}

/// Sort key of a task. Equal keys are ordered by identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rank<'a> {
    Created,
    Updated(Timestamp),
    Due(Timestamp),
    Priority(Priority),
    Position(Cow<'a, str>),
    /// No due date: the last in either order.
    NotDue,
}

/// Place of a task in a sorted list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CursorPosition<'a> {
    /// Sort key, as of the page: the task may have another one by now.
    rank: Rank<'a>,
    /// Identifier of the task, which orders tasks with equal keys.
    id: TaskId,
}

/// End of a page, for the next page to follow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// Version of the list that the page shows.
    pub version: Point,
    /// Place of the last task of the page.
    pub place: CursorPosition<'static>,
}

/// Error: the text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCursor;

impl<'a> CursorPosition<'a> {
    /// Place of a task in a list that is sorted by `sort`.
    pub fn of(task: &'a Task, sort: Sort) -> Self {
        let rank = match sort {
            Sort::Created => Rank::Created,
            Sort::Updated => Rank::Updated(task.updated_at),
            Sort::Due => task.due.as_ref().map_or(Rank::NotDue, |due| Rank::Due(due.instant())),
            Sort::Priority => Rank::Priority(task.priority),
            Sort::Position => Rank::Position(Cow::Borrowed(task.position.as_str())),
        };
        Self { rank, id: task.id }
    }

    /// Order of two places in a list that is sorted by the same key. Tasks without a due date are last in either direction.
    pub fn compare(&self, other: &Self, order: Order) -> Ordering {
        let ordering = self.rank.cmp(&other.rank).then(self.id.cmp(&other.id));
        let is_due = |place: &Self| place.rank != Rank::NotDue;
        match order {
            Order::Desc if is_due(self) == is_due(other) => ordering.reverse(),
            Order::Asc | Order::Desc => ordering,
        }
    }

    /// Identifier of the task at this place.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// This place with a position of its own, so that it can outlive the task.
    pub fn kept(self) -> CursorPosition<'static> {
        let rank = match self.rank {
            Rank::Position(position) => Rank::Position(Cow::Owned(position.into_owned())),
            Rank::Created => Rank::Created,
            Rank::Updated(at) => Rank::Updated(at),
            Rank::Due(at) => Rank::Due(at),
            Rank::Priority(priority) => Rank::Priority(priority),
            Rank::NotDue => Rank::NotDue,
        };
        CursorPosition { rank, id: self.id }
    }
}

impl CursorPosition<'_> {
    /// True if the place belongs to a list that is sorted by `sort`.
    pub fn fits(&self, sort: Sort) -> bool {
        match self.rank {
            Rank::Created => sort == Sort::Created,
            Rank::Updated(_) => sort == Sort::Updated,
            Rank::Due(_) | Rank::NotDue => sort == Sort::Due,
            Rank::Priority(_) => sort == Sort::Priority,
            Rank::Position(_) => sort == Sort::Position,
        }
    }
}

/// Opaque to clients. It holds nothing that they may not see, but they must not depend on its form.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CursorPosition { rank, id } = &self.place;
        let place = match rank {
            Rank::Created => format!("c..{id}"),
            Rank::Updated(at) => format!("u.{}.{id}", at.unix_millis()),
            Rank::Due(at) => format!("d.{}.{id}", at.unix_millis()),
            Rank::Priority(priority) => format!("p.{}.{id}", priority.as_str()),
            Rank::Position(position) => format!("o.{position}.{id}"),
            Rank::NotDue => format!("n..{id}"),
        };
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(format!("{} {place}", self.version)))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let text = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let text = String::from_utf8(text).map_err(|_| InvalidCursor)?;
        let (version, place) = text.split_once(' ').ok_or(InvalidCursor)?;
        let version = version.parse().map_err(|_| InvalidCursor)?;
        let [kind, value, id] = place.splitn(3, '.').collect::<Vec<_>>()[..] else {
            return Err(InvalidCursor);
        };
        let time = || value.parse().map(Timestamp::from_unix_millis).map_err(|_| InvalidCursor);
        let rank = match kind {
            "c" => Rank::Created,
            "u" => Rank::Updated(time()?),
            "d" => Rank::Due(time()?),
            "p" => Rank::Priority(value.parse().map_err(|_| InvalidCursor)?),
            "o" => Rank::Position(Cow::Owned(position(value)?)),
            "n" => Rank::NotDue,
            _ => return Err(InvalidCursor),
        };
        let id = id.parse().map_err(|_| InvalidCursor)?;
        Ok(Self { version, place: CursorPosition { rank, id } })
    }
}

fn position(text: &str) -> Result<String, InvalidCursor> {
    let position = Position::parse(text).map_err(|_| InvalidCursor)?;
    Ok(position.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::testing::task;

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        for sort in [Sort::Created, Sort::Updated, Sort::Due, Sort::Priority, Sort::Position] {
            let version = "7.Zk3x_9Qa".parse().unwrap();
            let cursor = Cursor { version, place: CursorPosition::of(&task(3), sort).kept() };
            let read: Cursor = cursor.to_string().parse().unwrap();
            assert_eq!(read, cursor);
            assert!(read.place.fits(sort));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let encoded = |place: &str| BASE64_URL_SAFE_NO_PAD.encode(format!("7.Zk3x_9Qa {place}"));
        let id = task(3).id;
        assert!(encoded(&format!("c..{id}")).parse::<Cursor>().is_ok());
        let bare = BASE64_URL_SAFE_NO_PAD.encode(format!("c..{id}"));
        let counted = BASE64_URL_SAFE_NO_PAD.encode(format!("7 c..{id}"));
        for text in [
            "",
            "c",
            "%",
            &bare,
            &counted,
            &encoded("x..y"),
            &encoded("u.now.0"),
            &encoded("c..nobody"),
            &encoded("o.A."),
            "w6k",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
