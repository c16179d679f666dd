//! PostgreSQL as the server needs it: faults, poolers, pools, versions, query plans.
//!
//! * `cannot_now`: what the database cannot do for the moment is no mistake of the program
//! * `hanging`: a database that hangs, a host that says nothing, a commit that nobody vouches for
//! * `plans`: no request makes the database read a whole table
//! * `pooler`: a server behind `PgBouncer`
//! * `pools`: what authentication needs of the database is taken by nothing else
//! * `versions`: a whole story on every major version of PostgreSQL

pub mod cannot_now;
mod hanging;
mod plans;
mod pooler;
mod pools;
mod versions;
