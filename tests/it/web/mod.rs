//! The pages with and without scripts, and the API explorer.
//!
//! * `explorer`: the explorer, the document, CORS, security headers
//! * `forms`: the pages without scripts
//! * `pages`: the pages in a real browser

mod explorer;
pub mod forms;
mod pages;
