//! What people see in a browser: the API explorer.

pub mod explorer;
pub mod openapi;
