//! An HTTP toolkit. It knows no feature and no database.
//!
//! A request passes the [`edge`]; extractors of [`request`] read it, and types of [`response`] answer it. [`site`] decides
//! which pages may send requests, [`limits`] sets the timeouts of clients, and [`detached`] runs work that a disconnect must
//! not cancel.

pub mod detached;
pub mod edge;
pub mod exposition;
pub mod limits;
pub mod request;
pub mod response;
pub mod server;
pub mod site;

use poem::Request;
use poem::http::HeaderName;

/// Reads a header of the request, if it is text. The framework's own look-up takes the name as text and parses it every time.
pub(crate) fn header_of<'a>(request: &'a Request, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
