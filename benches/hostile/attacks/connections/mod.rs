//! Attacks by connections: slow or endless requests, unread responses, frames and file descriptors.

pub mod answers;
pub mod bodies;
pub mod descriptors;
pub mod drips;
mod frames;
pub mod http2;
pub mod streams;
