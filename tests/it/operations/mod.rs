//! The work of an operator: commands, backups and restores, supervision, limits of the operating system.
//!
//! * `another_history`: versions and marks of a history that is lost, after a restore or in a copy of the database
//! * `command_line`: configuration, exit codes, signals, operator's commands
//! * `days`: an operator's worst days, and how long each takes until all is as before
//! * `descriptors`: connections take no more file descriptors than are left
//! * `nameless`: a user id that has no name
//! * `own_backup`: the private cluster into a file and back
//! * `readiness`: a node is ready as long as changes can be made
//! * `restore`: a backup taken under load, restored and gone on with
//! * `unit_file`: the unit for systemd
//! * `unread`: log lines that are not read, or cannot be written

mod another_history;
mod command_line;
mod days;
mod descriptors;
mod nameless;
mod own_backup;
mod readiness;
mod restore;
mod unit_file;
mod unread;
