//! Keyfold: an event-sourced, actor-based identity and tasks backend on PostgreSQL.
//!
//! # Bird's eye
//!
//! A request enters through [`http`], which finds out who calls. Reads are answered from published state in memory.
//! Changes become commands for an entity, an actor that is the only writer of its event stream on this node; it decides
//! by pure rules, appends through the group-committing appender, and answers when its events are committed. Read models
//! follow inside the same transaction. Nodes hear of each other's events through PostgreSQL notifications.
//!
//! # Modules, in reading order
//!
//! [`clock`], [`skew`], [`id`], [`sharded`], [`weighted_cache`], [`encodings`], [`text`], [`rfc3339`], [`workers`], [`budget`], [`memory`]: small things everything uses. [`database`]: reaching
//! PostgreSQL, or bringing it. [`eventlog`]: the kernel, which knows no feature. [`tasks`], [`accounts`], [`sessions`], [`keys`]: the
//! features; none knows another. [`auth`]: joins accounts, sessions and keys. [`revocations`]: tells verifiers elsewhere
//! of ended sessions. [`freshness`]: what several nodes need before they answer from memory. [`http`], [`api`], [`warm_read`], [`web`], [`routes`]: the edge. [`config`],
//! [`telemetry`], [`app`], [`cli`]: putting it together.
//!
//! # Invariants
//!
//! * State changes only by appending events; what is answered as done is committed.
//! * `eventlog` imports no feature; features do not import each other; SQL stays in `database`, `eventlog` and
//!   `read_model` files; statuses are decided in `http`.
//! * A node that does not know what others changed answers nothing from memory.
//! * Secrets appear in no event, log line, error or `Debug` text.

pub mod accounts;
pub mod api;
pub mod app;
pub mod authn;
pub mod base;
pub mod capacity;
pub mod cli;
pub mod config;
pub mod eventlog;
pub mod http;
pub mod keys;
pub mod postgres;
pub mod problems;
pub mod revocations;
pub mod sessions;
pub mod tasks;
pub mod telemetry;
pub mod web;

#[cfg(test)]
mod values;
