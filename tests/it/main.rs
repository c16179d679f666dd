//! The integration tests: one binary, the real server on a port of its own, real PostgreSQL, a schema per test.
//!
//! Contents:
//!
//! * `flow`: a new person's whole journey
//! * `account`: one's own account: the profile and the password
//! * `auth`: sign up, sign in, sign out, tokens
//! * `sign_up`: what a sign-up that is refused costs
//! * `sessions`: what extends sessions, what ends them by themselves, and their list
//! * `in_doubt`: what is believed of sessions when a command on them fails
//! * `hashing`: what a password hash costs later than when it was made, and that nobody is hashed for who has gone
//! * `revocation`: ending sessions: what is refused afterwards, and where
//! * `tasks`: the task list
//! * `everyday`: tasks as people expect them
//! * `past`: what only the log gives of a task list: history, undo, time travel, changes as they happen
//! * `input`: bad input and the one error body
//! * `own_backup`: the private cluster into a file and back
//! * `values`: a text is held or refused alike at every entrance
//! * `ownership`: every operation of the OpenAPI document refuses everybody but the owner
//! * `keys`: the key ring, the JWKS, revocation of keys, the secret
//! * `rotation`: the schedule of keys, restarts, several nodes, a thousand rotations
//! * `vanished`: peers that vanish without a word, and what they held
//! * `clocks`: a node whose clock is wrong
//! * `agreement`: settings that the nodes of a cluster must share
//! * `cannot_now`: what the database cannot do for the moment is no mistake of the program
//! * `nameless`: a user id that has no name
//! * `versions`: a whole story on every major version of PostgreSQL
//! * `verifiers`: ends of sessions for services that verify tokens by themselves
//! * `event_log`: the log's contract
//! * `entities`: actors: panics, passivation, limits
//! * `example`: the kernel by itself, as the example shows it
//! * `concurrency`: many at once, two servers on one database
//! * `pooler`: a server behind `PgBouncer`
//! * `proxy`: a rolling restart behind nginx, configured as documented
//! * `unit_file`: the unit for systemd
//! * `pools`: what authentication needs of the database is taken by nothing else
//! * `readiness`: a node is ready as long as changes can be made
//! * `plans`: no request makes the database read a whole table
//! * `durability`: restart and `kill -9` of the real binary
//! * `days`: an operator's worst days, and how long each takes until all is as before
//! * `hanging`: a database that hangs, a host that says nothing, a commit that nobody vouches for
//! * `restore`: a backup taken under load, restored and gone on with
//! * `another_history`: what names a history that is gone, after a restore or in a copy of the database
//! * `command_line`: configuration, exit codes, signals, operator's commands
//! * `unread`: lines that nobody reads, or that cannot be written
//! * `chaos_checker`: the checker of `make chaos` finds what it is there to find
//! * `warm_reads`: the fast lane answers as all others do
//! * `hostile_rules`: the rules by which `make hostile` judges
//! * `clients`: other ecosystems: TypeScript, `jose`, `PyJWT`, linters
//! * `pages`: the pages in a real browser
//! * `explorer`: the explorer, the document, CORS, security headers
//! * `forms`: the pages without scripts
//! * `telemetry`: one trace from the request through the actors
//! * `observability`: the registry of telemetry, dashboards, alerts and runbooks, and Prometheus itself
//! * `tidy`: the rules of the code base that a compiler does not check

#![cfg(test)]
#![expect(unreachable_pub, reason = "nothing of a test binary is exported")]
#![expect(clippy::disallowed_methods, reason = "a test's tasks end with its runtime")]

mod account;
mod agreement;
mod another_history;
mod app;
mod auth;
mod backup;
mod cannot_now;
mod chaos_checker;
mod clients;
mod clocks;
mod command_line;
mod concurrency;
mod connections;
mod days;
mod descriptors;
mod durability;
mod echo;
mod entities;
mod event_log;
mod everyday;
mod example;
mod explorer;
mod flow;
mod forms;
mod hanging;
mod hashing;
mod hostile_rules;
mod in_doubt;
mod input;
mod keys;
mod locked;
mod nameless;
mod observability;
mod own_backup;
mod ownership;
mod pages;
mod past;
mod plans;
mod pooler;
mod pools;
mod postgres;
mod process;
mod proxy;
mod readiness;
mod relay;
mod replaced;
mod restore;
mod revocation;
mod rotation;
mod servers;
mod sessions;
mod sign_up;
mod tasks;
mod telemetry;
mod tidy;
mod tools;
mod unit_file;
mod unread;
mod user;
mod values;
mod vanished;
mod verifiers;
mod versions;
mod warm_reads;
