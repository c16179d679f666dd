//! Translation of the errors of features into answers for clients: one file for each feature.
//!
//! Every conversion matches without wildcards, so a new error has to be given its answer.

mod accounts;
mod base;
mod eventlog;
mod keys;
mod revocations;
mod sessions;
mod tasks;
