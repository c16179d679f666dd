//! Web pages, their assets, and the API explorer.
//!
//! [`pages`] are made of templates and answer forms, so that they work without scripts; with scripts they are a client of
//! the API like any other. [`assets`] are their style and modules, embedded and named after their content. `page` restricts
//! what browsers may do with a page, `form` what is accepted from one, and `own_path` where one may lead.

mod asset;
pub mod assets;
mod device;
pub mod explorer;
mod form;
mod own_path;
pub mod page;
mod page_failure;
pub mod page_map;
pub mod pages;
mod problem_page;
mod visitor;
