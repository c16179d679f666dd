//! Types of answers: problems, entity tags, streams and encodings.

pub(crate) mod compressed;
pub mod conditional;
pub mod etag;
pub(crate) mod event_source;
pub mod event_stream;
pub mod failure;
pub mod json_body;
pub mod problem;
pub mod raw_json;
pub mod response_lease;
pub mod schema;
