//! Reading variables: from where, in which shapes, and what can be wrong with them.

pub(super) mod environment;
pub(super) mod error;
pub(super) mod nearest;
pub(super) mod origin;
pub(super) mod parse;
pub(super) mod platform;
pub(super) mod reader;
