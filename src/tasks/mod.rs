//! Tasks: one list per user, which only that user can see.
//!
//! Read in this order. The rules: [`values`] are what a [`task`] is made of and [`events`] what happens to it; [`task_list`]
//! decides, with [`ordered`] for its memory, which is `sorted`. What people see: [`listing`], which searches with [`search`], and [`pages`],
//! what it has encoded; and what only a log can give, [`history`], [`time_travel`] and [`feed`]. What people do: [`writing`]
//! carries out commands, once for every key ([`idempotency`]); [`portable`] takes lists in and out, and [`heavy`] lets few
//! do so at a time, as [`walks`] does for reading the past. [`api`] are the endpoints.
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
