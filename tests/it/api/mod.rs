//! The API as its clients use it: input, limits, answers, and tools of other ecosystems.
//!
//! * `clients`: other ecosystems: TypeScript, `jose`, `PyJWT`, linters
//! * `connections`: limits of connections, requests and bodies
//! * `echo`: a value that comes back in an error is cut
//! * `flow`: the journey of a new user, from sign-up to tasks
//! * `input`: bad input and the one error body
//! * `ownership`: every operation of the OpenAPI document, refused to all but the owner
//! * `values`: a text is held or refused alike at every entrance
//! * `warm_reads`: the fast lane answers as all others do

mod clients;
pub mod connections;
mod echo;
mod flow;
mod input;
mod ownership;
mod values;
mod warm_reads;
