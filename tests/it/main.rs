//! The integration tests: one binary, the real server on a port of its own, real PostgreSQL, a schema per test.
//!
//! Each folder has the table of its modules in its `mod.rs`:
//!
//! * `api`: the API as its clients use it: input, limits, answers
//! * `benches`: the rules by which the programs of `benches/` judge a run
//! * `cluster`: several nodes on one database
//! * `database`: PostgreSQL as the server needs it: faults, poolers, versions, query plans
//! * `identity`: accounts, authentication, sessions and keys
//! * `kernel`: the event log and its entities, without any feature
//! * `observability`: the registry of telemetry, dashboards, alerts and runbooks, and Prometheus itself
//! * `operations`: the work of an operator: commands, backups, restores, supervision
//! * `support`: helpers of the tests: servers, users, processes, databases
//! * `tasks`: the task list, its everyday use and its past
//! * `telemetry`: one trace from the request through the actors
//! * `tidy`: the rules of the code base that a compiler does not check
//! * `web`: the pages with and without scripts, the API explorer

#![cfg(test)]
#![expect(unreachable_pub, reason = "nothing of a test binary is exported")]
#![expect(clippy::disallowed_methods, reason = "a test's tasks end with its runtime")]

mod api;
mod benches;
mod cluster;
mod database;
mod identity;
mod kernel;
mod observability;
mod operations;
mod support;
mod tasks;
mod telemetry;
mod tidy;
mod web;
