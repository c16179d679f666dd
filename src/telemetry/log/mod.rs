//! Log lines: their two formats, and the streams that they are written to.

pub(super) mod correlation;
pub(super) mod json;
pub(super) mod lines;
pub mod stdio;
pub(super) mod text;
