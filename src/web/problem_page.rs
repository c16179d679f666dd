//! The page about a problem, and the redirects in place of a page.

use askama::Template;
use poem::Response;
use poem::http::StatusCode;

use super::page::{self, Frame, of_problem, with_cookie};
use super::page_failure::{PageFailure, PageProblem, Resubmission};
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::telemetry::current_trace_id;

/// Data of the template.
#[derive(Debug, Template)]
#[template(path = "problem.html", config = "src/web/askama.toml")]
struct ProblemPage {
    /// Frame with the visitor, if known.
    frame: Frame,
    /// Heading of the page.
    title: &'static str,
    /// Explanation, with advice for the user.
    text: String,
    /// Id by which an operator finds the request.
    trace_id: String,
    /// Submitted fields, if it is worth sending them again.
    again: Option<Resubmission>,
    /// Link out of the page.
    onward: NextStep,
}

/// Link out of a page about a problem.
#[derive(Debug)]
struct NextStep {
    /// Path of this site.
    path: &'static str,
    /// Text of the link.
    text: &'static str,
}

/// Renders the page of a problem, with the submitted fields if they are worth sending again.
pub(super) fn of_trouble(PageProblem { problem, viewer, again }: PageProblem) -> Response {
    let (title, text) = told(&problem);
    let onward = match viewer {
        Some(_) => NextStep { path: "/tasks", text: "Go to your tasks" },
        None => NextStep { path: "/", text: "Go to the start page" },
    };
    let again = again.filter(|_| problem.status().is_server_error());
    let frame = Frame::new(viewer.as_ref().map(|viewer| viewer.user_id), "home.js");
    let trace_id = current_trace_id().to_string();
    let page = ProblemPage { frame, title, text, trace_id, again, onward };
    let response = of_problem(&problem, &page).unwrap_or_else(|problem| problem.to_response());
    with_cookie(response, viewer.and_then(|viewer| viewer.cookie))
}

/// Heading and text for the user.
fn told(problem: &Problem) -> (&'static str, String) {
    match problem.status() {
        StatusCode::NOT_FOUND => (
            "There is nothing here",
            "The address may be mistyped, or what was here is gone.".to_owned(),
        ),
        StatusCode::FORBIDDEN if problem.is(codes::NOT_YOURS) => (
            "These tasks belong to somebody else",
            "You are signed in, but not as the person whose list this is. Only they can see it."
                .to_owned(),
        ),
        StatusCode::FORBIDDEN if problem.is(codes::SOMEBODY_ELSE) => (
            "Another user has signed in here",
            "Nothing was changed. Open the page again to see whose it is now.".to_owned(),
        ),
        StatusCode::FORBIDDEN => (
            "This form was not sent from here",
            "For your safety nothing was changed. Open the page here and try again.".to_owned(),
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Keyfold cannot answer for the moment",
            format!("{}. Wait a moment, then load the page again.", problem.message()),
        ),
        status if status.is_client_error() => {
            ("This does not work", format!("{}.", problem.message()))
        }
        _ => (
            "Something went wrong on our side",
            "It has been written down. Try again in a moment.".to_owned(),
        ),
    }
}

/// Response in place of a page.
pub(super) fn instead(instead: PageFailure) -> Response {
    match instead {
        PageFailure::SignIn(None) => page::lead_to("/login"),
        PageFailure::SignIn(Some(path)) => {
            page::lead_to(&format!("/login?next={}", path.encoded()))
        }
        PageFailure::SignInAgain => page::lead_to("/login?again=1&next=/account"),
        PageFailure::Problem(trouble) => of_trouble(*trouble),
    }
}
