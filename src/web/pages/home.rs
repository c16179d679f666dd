//! `/`: what this is, how it is, and where to go.

use std::time::Duration;

use askama::Template;
use poem::{Request, Response};

use crate::api::state::State;
use crate::web::instead::Instead;
use crate::web::page::{self, Frame};
use crate::web::visitor::Visitor;

/// Longest time to find out who looks, which matters little here.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug, Template)]
#[template(path = "home.html", config = "src/web/askama.toml")]
struct HomePage {
    frame: Frame,
    /// Where this server is reached, for the commands that are shown.
    origin: String,
    version: &'static str,
    /// Whether it takes requests.
    is_ready: bool,
}

/// The page. It is shown whatever state the server is in: whoever cannot be looked up for the moment is nobody.
pub(super) async fn show(request: Request) -> Result<Response, Instead> {
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
