//! Helpers of the tests: servers, users, processes, databases, tools.
//!
//! * `app`: the server of a test, and its client
//! * `backup`: `pg_dump` and `pg_restore` of a database
//! * `locked`: a lock on the log of a server
//! * `postgres`: the private cluster of the run, and a schema per test
//! * `process`: the real binary, run to its end or as a server
//! * `relay`: a relay to the database that forgets connections
//! * `servers`: PostgreSQL servers of any version and setting, reached by TCP
//! * `tools`: tools of other ecosystems
//! * `user`: a user of the server

pub mod app;
pub mod backup;
pub mod locked;
pub mod postgres;
pub mod process;
pub mod relay;
pub mod servers;
pub mod tools;
pub mod user;
