//! Attacks by connections: slow or endless requests, answers that are not read, frames and descriptors.

pub mod answers;
pub mod bodies;
pub mod descriptors;
pub mod drips;
mod frames;
pub mod http2;
pub mod streams;
