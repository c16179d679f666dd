//! Operations that show tasks, as they are and as they were.

pub mod diff;
pub mod events;
pub mod export;
pub mod get;
pub mod history;
mod history_page;
pub mod list;
pub mod list_history;
mod page_limit;

use self::diff::DiffTasks;
use self::events::FollowTasks;
use self::export::ExportTasks;
use self::get::GetTask;
use self::history::GetTaskHistory;
use self::list::ListTasks;
use self::list_history::GetTasksHistory;

/// Operations of this folder, for the API's service.
pub type Reads =
    (ListTasks, GetTask, GetTaskHistory, GetTasksHistory, DiffTasks, FollowTasks, ExportTasks);
