//! `/`: start page, with the state of the server and links.

use std::time::Duration;

use askama::Template;
use poem::{Request, Response};

use crate::api::state::State;
use crate::web::page::{self, Frame};
use crate::web::page_failure::PageFailure;
use crate::web::visitor::Visitor;

/// Timeout for looking up the visitor, who matters little here.
const PATIENCE: Duration = Duration::from_millis(500);

/// Data of the template.
#[derive(Debug, Template)]
#[template(path = "home.html", config = "src/web/askama.toml")]
struct HomePage {
    /// Frame with the visitor, if known.
    frame: Frame,
    /// Public origin, for the commands that are shown.
    origin: String,
    /// Version of the program that runs.
    version: &'static str,
    /// True if the server takes requests.
    is_ready: bool,
}

/// Shows the start page. It is shown in every state of the server: a visitor who cannot be looked up for the moment counts
/// as signed out.
pub(super) async fn show(request: Request) -> Result<Response, PageFailure> {
    let state = State::of(&request)?;
    let is_ready = state.gate.follower.is_following() && !state.readiness.is_closed();
    let visitor = tokio::time::timeout(PATIENCE, Visitor::of(&request)).await;
    let mut visitor = visitor.ok().and_then(Result::ok).flatten();
    let cookie = visitor.as_mut().and_then(|visitor| visitor.cookie.take());
    let frame = Frame::new(visitor.as_ref().map(Visitor::user_id), "home.js");
    let origin = state.server.site.origin.clone();
    let page = HomePage { frame, origin, version: env!("CARGO_PKG_VERSION"), is_ready };
    Ok(page::with_cookie(page::shown(&page)?, cookie))
}
