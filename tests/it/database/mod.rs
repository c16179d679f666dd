//! PostgreSQL as the server needs it: faults, poolers, pools, versions, query plans.
//!
//! * `cannot_now`: a temporary fault of the database is answered with a retry, and is no internal error
//! * `hanging`: a database that hangs, a host that does not answer, a commit of unknown outcome
//! * `plans`: no request makes the database read a whole table
//! * `pooler`: a server behind `PgBouncer`
//! * `pools`: connections reserved for authentication are taken by no other work
//! * `versions`: a whole story on every major version of PostgreSQL

pub mod cannot_now;
mod hanging;
mod plans;
mod pooler;
mod pools;
mod versions;
