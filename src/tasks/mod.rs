//! Tasks: one list per user, which only that user can see.
//!
//! Reading order. The rules: [`values`] make up a task, [`events`] change it, and [`task_list`] decides. Reads: [`listing`]
//! filters and sorts, [`search`] finds text, [`history`] has what only a log can give, such as a list as it was, and
//! [`feed`] streams changes as they happen. Writes: [`writing`] carries out commands, once for every key ([`idempotency`]);
//! [`limits`] bound the work of one user at a time.
//!
//! There is no table of tasks: reads are served from the published state of the entity, and from the log ([`read_model`]).

pub mod events;
pub mod feed;
pub mod history;
pub mod idempotency;
pub mod limits;
pub mod listing;
mod lists;
mod paging;
pub mod read_model;
pub mod search;
mod skew;
pub mod task_list;
pub mod values;
pub mod writing;

#[cfg(test)]
pub(crate) mod testing;

pub use self::lists::Tasks;
pub use self::paging::PageError;
