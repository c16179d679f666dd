//! Reading variables: their sources, shapes and errors.

pub(super) mod environment;
pub(super) mod error;
pub(super) mod nearest;
pub(super) mod origin;
pub(super) mod parse;
pub(super) mod platform;
pub(super) mod reader;
