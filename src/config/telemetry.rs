//! Logs and their export.

use tracing_subscriber::EnvFilter;
use url::Url;

use super::error::InvalidValue;
use super::nearest::{distance, nearest};
use super::parse::{quoted, server_url};
use super::reader::Reader;
use super::variables::{LOG, LOG_FORMAT, OTLP_ENDPOINT, SERVICE_NAME};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Logs and their export.
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines are written, as directives of `tracing_subscriber`'s `EnvFilter`.
    pub log_filter: String,
    /// The collector that spans and log records are sent to; `None` sends nothing.
    pub otlp_endpoint: Option<Url>,
    /// The name by which the collector knows this program.
    pub service_name: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Text,
            log_filter: "info".to_owned(),
            otlp_endpoint: None,
            service_name: "keyfold".to_owned(),
        }
    }
}

impl TelemetryConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            log_format: reader.read(&LOG_FORMAT, parse_format).unwrap_or(default.log_format),
            log_filter: reader.read(&LOG, parse_filter).unwrap_or(default.log_filter),
            // OpenTelemetry asks that an empty variable count as one that is not set.
            otlp_endpoint: reader.read_unless_empty(&OTLP_ENDPOINT, parse_endpoint),
            service_name: reader
                .read_unless_empty(&SERVICE_NAME, |value| Ok(value.trim().to_owned()))
                .unwrap_or(default.service_name),
        }
    }
}

fn parse_format(value: &str) -> Result<LogFormat, InvalidValue> {
    match value.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(InvalidValue::new(format!("is {}", quoted(value)), "text or json")),
    }
}

fn parse_filter(value: &str) -> Result<String, InvalidValue> {
    let expected = "directives such as info or warn,keyfold=debug";
    if let Some(word) = value.split(',').map(str::trim).find(|word| is_mistyped_level(word)) {
        let level = nearest(&word.to_ascii_lowercase(), LEVELS).unwrap_or_default();
        let wrong = format!("contains {}, which is not a level", quoted(word));
        return Err(InvalidValue::new(wrong, format!("{expected}; perhaps {level}")));
    }
    match EnvFilter::builder().parse(value) {
        Ok(_) => Ok(value.to_owned()),
        Err(error) => {
            let wrong = format!("is {}, which is not a filter ({error})", quoted(value));
            Err(InvalidValue::new(wrong, expected))
        }
    }
}

/// Whether a directive is a level with a typing mistake. It would count as the name of a module, and silence all others.
fn is_mistyped_level(directive: &str) -> bool {
    let word = directive.to_ascii_lowercase();
    let is_near = |level: &&str| word.len() > 3 && (1..=2).contains(&distance(&word, level));
    !LEVELS.contains(&word.as_str()) && LEVELS.iter().any(is_near)
}

/// The exporter speaks gRPC without TLS, which is what a collector beside the server takes.
fn parse_endpoint(value: &str) -> Result<Url, InvalidValue> {
    server_url(value, &["http"]).map_err(|wrong| {
        InvalidValue::new(
            wrong,
            "the OTLP/gRPC address of a collector, such as http://127.0.0.1:4317",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_directives_of_targets_and_levels() {
        for filter in
            ["info", "OFF", "warn,keyfold=debug", "keyfold[request]=trace", "h2=off,info", "3"]
        {
            assert_eq!(parse_filter(filter), Ok(filter.to_owned()));
        }
        for filter in ["keyfold=loud", "keyfold=info=debug", "[{"] {
            assert!(parse_filter(filter).is_err(), "{filter:?}");
        }
    }

    #[test]
    fn a_mistyped_level_is_not_taken_for_a_module() {
        let error = parse_filter("keyfold=debug,inof").unwrap_err();
        assert_eq!(error.wrong, "contains \"inof\", which is not a level");
        assert!(error.expected.ends_with("perhaps info"), "{error}");
    }
}
