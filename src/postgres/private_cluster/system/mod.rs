//! The system that PostgreSQL runs on: its programs, users and files.

pub(super) mod binaries;
pub(super) mod identity;
pub(super) mod install;
pub(super) mod os_user;
pub(super) mod owned_file;
