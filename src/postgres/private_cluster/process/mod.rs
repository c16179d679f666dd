//! The server process: started, watched and stopped.

pub(super) mod initialise;
pub(super) mod leftover;
pub(super) mod postmaster;
pub(super) mod readiness;
pub(super) mod shutdown;
pub(super) mod startup;
