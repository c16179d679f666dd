//! Formats of exported and imported files, JSON and CSV, and their media types.

use poem::Request;
use poem::http::header;
use poem_openapi::Enum;

use crate::http::header_of;
use crate::http::request::accept;

/// What a file is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Format {
    /// An object with the member `tasks`.
    #[default]
    Json,
    /// A table with a line of names (RFC 4180).
    Csv,
}

impl Format {
    /// Format that a request prefers, by its `Accept`.
    pub fn accepted_by(request: &Request) -> Self {
        let accepted = header_of(request, &header::ACCEPT).unwrap_or_default();
        let csv = accept::weight(accepted, &["text/csv", "text/*", "*/*"]);
        let json = accept::weight(accepted, &["application/json", "application/*", "*/*"]);
        if csv > json { Self::Csv } else { Self::Json }
    }

    /// Media type of a file.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
        }
    }
}
