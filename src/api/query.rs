//! Refuses unknown and empty query parameters: with a mistyped or unfilled one, an operation would return everything, or
//! end everything.

use poem::Request;
use poem::http::Method;
use poem_openapi::registry::{MetaOperation, MetaParamIn};
use url::form_urlencoded;

use super::paths::known;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::{FieldProblem, Flaw};

/// Prefix of the paths whose queries are checked. Elsewhere, a monitor may add a parameter to make each of its requests
/// unique.
const WHERE: &str = "/api/";

/// Parameter that may be empty: an empty search. Elements of lists are checked with the lists.
const MAY_BE_EMPTY: &str = "q";

/// A query parameter of an operation.
struct Parameter<'a> {
    /// Name in the query.
    name: &'a str,
    /// True for a list, which may be given several times.
    is_list: bool,
}

/// Refuses a query with unknown parameters, repeated ones that are no lists, or empty ones.
///
/// # Errors
///
/// Fails with all parameters that are wrong.
pub fn require_known(request: &Request) -> Result<(), Problem> {
    let Some(query) = request.uri().query() else { return Ok(()) };
    let Some(operation) = operation(request) else { return Ok(()) };
    let parameters = parameters(operation);
    if parameters.is_empty() && !request.uri().path().starts_with(WHERE) {
        return Ok(());
    }
    let mut given: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match parameters.iter().find(|known| known.name == name) {
            None => wrong.push(unknown(&name, &parameters)),
            Some(known) if !known.is_list && given.iter().any(|earlier| *earlier == name) => {
                wrong.push(FieldProblem::new(name, Flaw::Duplicate, "is given more than once"));
            }
            Some(known) if value.is_empty() && !known.is_list && name != MAY_BE_EMPTY => {
                wrong.push(FieldProblem::new(name, Flaw::Empty, "must not be empty"));
            }
            Some(_) => given.push(name.into_owned()),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Problem::fields(wrong)) }
}

fn unknown(name: &str, parameters: &[Parameter<'_>]) -> FieldProblem {
    let names: Vec<_> = parameters.iter().map(|known| format!("`{}`", known.name)).collect();
    let message = match names.as_slice() {
        [] => "is not known, there are no parameters".to_owned(),
        [one] => format!("is not known, expected {one}"),
        several => format!("is not known, expected one of {}", several.join(", ")),
    };
    FieldProblem::new(name, Flaw::UnknownParameter, message)
}

/// Operation of a request; `HEAD` counts as `GET`.
fn operation(request: &Request) -> Option<&'static MetaOperation> {
    operation_of(request.method(), request.uri().path())
}

/// Operation of a method at a path.
pub(super) fn operation_of(method: &Method, path: &str) -> Option<&'static MetaOperation> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let known = known(path)?;
    known.operations.iter().find(|operation| operation.method == method)
}

fn parameters(operation: &'static MetaOperation) -> Vec<Parameter<'static>> {
    let query = operation.params.iter().filter(|known| known.in_type == MetaParamIn::Query);
    let parameter =
        query.map(|known| Parameter { name: &known.name, is_list: known.schema.is_array() });
    parameter.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: Method, uri: &str) -> Option<Problem> {
        require_known(&Request::builder().method(method).uri_str(uri).finish()).err()
    }

    #[test]
    fn what_an_operation_knows_is_accepted_and_a_list_as_often_as_it_is_there() {
        for uri in [
            "/api/7/tasks",
            "/api/7/tasks?",
            "/api/7/tasks?q=milk&limit=3&priority=high&priority=low&tag=a&tag=b",
            "/api/auth/sessions",
            "/health/ready?probe=1",
            "/.well-known/jwks.json?t=123",
            "/nowhere?what=ever",
        ] {
            assert_eq!(refused(Method::GET, uri), None, "{uri}");
            assert_eq!(refused(Method::HEAD, uri), None, "{uri}");
        }
        assert_eq!(refused(Method::DELETE, "/api/auth/sessions?except=current"), None);
    }

    #[test]
    fn what_it_does_not_know_is_refused_by_name() {
        let unknown = |name, message| Some(Problem::field(name, Flaw::UnknownParameter, message));
        let except = "is not known, expected `except`";
        let none = "is not known, there are no parameters";
        assert_eq!(
            refused(Method::DELETE, "/api/auth/sessions?Except=current"),
            unknown("Except", except)
        );
        assert_eq!(refused(Method::POST, "/api/auth/signin?a=b"), unknown("a", none));
        assert_eq!(refused(Method::GET, "/api/auth/session?a"), unknown("a", none));
        let limit = Problem::field("limit", Flaw::Duplicate, "is given more than once");
        assert_eq!(refused(Method::GET, "/api/7/tasks?limit=1&limit=2"), Some(limit));
    }

    #[test]
    fn what_is_empty_is_refused_but_for_a_search() {
        assert_eq!(refused(Method::GET, "/api/7/tasks?q="), None);
        for name in ["completed", "dueFrom", "asOf", "cursor"] {
            let empty = Problem::field(name, Flaw::Empty, "must not be empty");
            assert_eq!(refused(Method::GET, &format!("/api/7/tasks?{name}=")), Some(empty.clone()));
            assert_eq!(refused(Method::GET, &format!("/api/7/tasks?{name}")), Some(empty));
        }
    }
}
