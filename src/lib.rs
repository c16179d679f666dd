//! Keyfold: an event-sourced, actor-based identity and tasks backend on PostgreSQL.
//!
//! # Bird's eye
//!
//! ```text
//!   request ──▶ http (edge) ──▶ authn (who calls) ──▶ api (one operation) ──▶ a feature
//!                                                        ▲ published state      │ CommandRequest
//!                                                        └───────────────┐      ▼
//!                                       eventlog: mailbox ──▶ decide ──▶ append (group commit)
//!                                                                               │ one transaction
//!                                                                               ▼
//!                                                  PostgreSQL: events, read models, records
//! ```
//!
//! A request passes the edge of [`http`]; [`authn`] finds the live session that its credentials prove. Reads are answered from
//! published state in memory. Changes become commands for an entity, an actor that is the only writer of its event stream on
//! this node: it decides by pure rules, appends through the group-committing appender, and replies when its events are
//! committed. Read models follow inside the same transaction. Nodes hear of each other's events through PostgreSQL notifications.
//!
//! # Modules, in reading order
//!
//! Each module uses those above it in this list and none below; a test holds that (`tests/it/tidy/floors.rs`).
//!
//! 1. [`base`]: the clock, identifiers, text, times, caches.
//! 2. [`telemetry`]: log lines, traces, metrics, audit events.
//! 3. [`capacity`]: byte budgets, the memory plan, worker pools.
//! 4. [`postgres`]: connections, the pool, migrations, the private cluster. [`http`]: a toolkit for requests and responses.
//! 5. [`eventlog`]: the kernel. `examples/counter.rs` runs it without any feature.
//! 6. [`accounts`], [`keys`], [`sessions`], [`tasks`]: the features; none knows another.
//! 7. [`revocations`]: ends of sessions, for services that verify tokens by themselves.
//! 8. [`problems`]: the answer to each error of a feature.
//! 9. [`authn`]: credentials and the session that they prove.
//! 10. [`api`]: one operation per file. [`web`]: the pages.
//! 11. [`config`], [`app`], [`cli`]: the environment, the composition root, the command line.
//!
//! # Invariants
//!
//! * State changes only by appending events; a change that is answered as done is committed.
//! * SQL stands in `postgres`, `eventlog` and `read_model` files; statuses stand in `http::response::problem::codes`.
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
