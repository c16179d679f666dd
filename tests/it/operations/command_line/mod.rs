//! The `keyfold` command as an operator meets it.
//!
//! * `configuration`: what is said about variables and arguments, with exit code 2
//! * `refusals`: why a server does not start, or stops by itself, with exit code 1
//! * `signals`: how it is stopped
//! * `operator`: the commands beside a running server
//! * `users`: deleting users beside running servers
//! * `people`: looking at users and their sessions
//! * `progress`: how far a long command has come
//! * `lost_keys`: a secret or a private key that is lost, and the way out
//! * `doctor`: what `keyfold doctor` finds
//! * `faults`: what it finds where something is wrong, and that what it advises mends that

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
