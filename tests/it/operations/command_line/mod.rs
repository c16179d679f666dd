//! The `keyfold` command as an operator meets it.
//!
//! * `configuration`: errors in variables and arguments, with exit code 2
//! * `refusals`: reasons for which a server does not start, or stops by itself, with exit code 1
//! * `signals`: stopping a server
//! * `operator`: the commands beside a running server
//! * `users`: deleting users beside running servers
//! * `people`: looking at users and their sessions
//! * `progress`: progress of a long command
//! * `lost_keys`: a secret or a private key that is lost, and the way out
//! * `doctor`: findings of `keyfold doctor`
//! * `faults`: its findings for each fault, and the repair by its advice

mod configuration;
mod doctor;
mod faults;
mod lost_keys;
mod operator;
mod people;
mod progress;
mod refusals;
mod signals;
mod users;
