//! Bodies: of a media type that the operation takes, and not too large.

use poem::Request;
use poem::http::{HeaderName, header};

use crate::http::header_of;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;

/// Default limit of a body, in bytes. The largest valid request of an operation without its own limit is well below it.
pub const MAX_BODY: usize = 64 * 1024;

/// Header that lists the media types of patches (RFC 5789, section 3.1).
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// `400`: the client sends too slowly.
pub(crate) fn late() -> Problem {
    failed("The body did not arrive in time")
}

/// `400`: the client has stopped sending.
pub(crate) fn unreadable() -> Problem {
    failed("The body could not be received")
}

fn failed(message: &'static str) -> Problem {
    Problem::new(codes::UNREADABLE_BODY, message)
}

/// `413`: the body has more than `max` bytes.
pub(crate) fn too_large(max: usize) -> Problem {
    let message = format!("The body is larger than {}", size(max));
    Problem::new(codes::PAYLOAD_TOO_LARGE, message)
}

fn size(bytes: usize) -> String {
    const KIB: usize = 1024;
    const MIB: usize = 1024 * KIB;
    match bytes {
        MIB.. if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        KIB.. if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} bytes"),
    }
}

/// Refuses with `415` a body whose `Content-Type` is none of these media types; `kind` names them for the message.
pub(crate) fn require_type(
    request: &Request,
    kind: &str,
    accepted: &[&'static str],
) -> Result<(), Problem> {
    let content_type = header_of(request, &header::CONTENT_TYPE).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if accepted.iter().any(|accepted| essence.eq_ignore_ascii_case(accepted)) {
        return Ok(());
    }
    let message =
        format!("The body must be {kind}: send it with Content-Type: {}", accepted.join(" or "));
    Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE, message))
}

/// As [`require_type`], for a patch: the refusal lists the accepted media types in `Accept-Patch`.
pub(super) fn require_patch(request: &Request, accepted: &[&'static str]) -> Result<(), Problem> {
    require_type(request, "JSON", accepted)
        .map_err(|problem| problem.with_header(ACCEPT_PATCH, accepted.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_said_in_the_largest_unit_that_it_is_a_multiple_of() {
        for (bytes, text) in [
            (64 * 1024, "64 KiB"),
            (4 * 1024 * 1024, "4 MiB"),
            (1536 * 1024, "1536 KiB"),
            (1000, "1000 bytes"),
            (1025, "1025 bytes"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_media_type_is_known_whatever_its_case_and_parameters() {
        let sent_as = |content_type: &str| {
            let request = Request::builder().header(header::CONTENT_TYPE, content_type).finish();
            require_type(&request, "CSV", &["text/csv", "text/plain"])
        };
        for content_type in ["text/csv", "Text/CSV ; header=present", "text/plain; charset=utf-8"] {
            assert_eq!(sent_as(content_type), Ok(()), "{content_type}");
        }
        let message = "The body must be CSV: send it with Content-Type: text/csv or text/plain";
        let refused = Problem::new(codes::UNSUPPORTED_MEDIA_TYPE, message);
        for content_type in ["", "text", "text/csvx", "application/json"] {
            assert_eq!(sent_as(content_type), Err(refused.clone()), "{content_type}");
        }
    }
}
