//! Settings of logs, traces and metrics, and their destinations.

use tracing_subscriber::EnvFilter;

use crate::config::opentelemetry;
use crate::config::opentelemetry::Standard;
use crate::config::read::error::InvalidValue;
use crate::config::read::nearest::{distance, nearest};
use crate::config::read::parse::quoted;
use crate::config::read::reader::Reader;
use crate::config::variables::{LOG, LOG_FORMAT, METRICS_LISTEN, TRACE_SAMPLING};
use crate::telemetry::settings::{
    LogFormat, MetricsPlace, OpenTelemetrySettings, TelemetrySettings, TraceSampling,
};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// Levels as other programs call them, each with ours.
const OTHER_LEVELS: [(&str, &str); 9] = [
    ("warning", "warn"),
    ("err", "error"),
    ("fatal", "error"),
    ("critical", "error"),
    ("notice", "info"),
    ("information", "info"),
    ("verbose", "debug"),
    ("all", "trace"),
    ("none", "off"),
];
/// Prefixes of the modules that write log lines. A filter of any other word alone would silence everything.
const PARTS: [&str; 14] = [
    "keyfold",
    "deadpool",
    "h2",
    "hyper",
    "mio",
    "opentelemetry",
    "poem",
    "ractor",
    "refinery",
    "reqwest",
    "rustls",
    "tokio",
    "tonic",
    "tower",
];

/// Reads our variables of telemetry, and the standard ones beside them.
pub(crate) fn read(reader: &mut Reader<'_>) -> TelemetrySettings {
    let default = TelemetrySettings::default();
    let log_format = reader.read(&LOG_FORMAT, parse_format).unwrap_or(default.log_format);
    let log_filter = reader.read(&LOG, parse_filter).unwrap_or(default.log_filter);
    let mut standard = Standard::new(reader.environment());
    let opentelemetry = opentelemetry::read(&mut standard, reader);
    let trace_sampling = sampling(reader, &mut standard).unwrap_or(default.trace_sampling);
    let metrics = place(reader, &mut standard);
    TelemetrySettings {
        log_format,
        log_filter,
        trace_sampling,
        metrics: if opentelemetry.is_disabled { MetricsPlace::Off } else { metrics },
        opentelemetry: Box::new(OpenTelemetrySettings {
            remarks: standard.finish(),
            ..opentelemetry
        }),
    }
}

/// Sampling by our own variable, or else by the standard one.
fn sampling(reader: &mut Reader<'_>, standard: &mut Standard<'_>) -> Option<TraceSampling> {
    let Some(share) = reader.read(&TRACE_SAMPLING, parse_share) else {
        return opentelemetry::sampling(standard);
    };
    opentelemetry::disobey_sampler(standard, TRACE_SAMPLING.name);
    Some(TraceSampling::Share(share))
}

/// Address of the metrics by our own variable, or else by the standard ones.
fn place(reader: &mut Reader<'_>, standard: &mut Standard<'_>) -> MetricsPlace {
    let Some(place) = reader.read(&METRICS_LISTEN, parse_place) else {
        return opentelemetry::prometheus(standard).map_or(MetricsPlace::Off, MetricsPlace::Own);
    };
    opentelemetry::disobey_prometheus(standard, METRICS_LISTEN.name);
    place
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
    let directives: Vec<_> = value.split(',').map(|word| with_our_level(word.trim())).collect();
    if let Some(word) = directives.iter().find(|word| is_mistyped_level(word)) {
        let level = nearest(&word.to_ascii_lowercase(), LEVELS).unwrap_or_default();
        let wrong = format!("contains {}, which is not a level", quoted(word));
        return Err(InvalidValue::new(wrong, format!("{expected}; perhaps {level}")));
    }
    if let Some(word) = directives.iter().find(|word| is_nothing(word)) {
        let wrong = format!(
            "contains {}, which is neither a level nor a part of this program",
            quoted(word)
        );
        return Err(InvalidValue::new(wrong, expected));
    }
    let filter = directives.join(",");
    match EnvFilter::builder().parse(&filter) {
        Ok(_) => Ok(filter),
        Err(error) => {
            let wrong = format!("is {}, which is not a filter ({error})", quoted(value));
            Err(InvalidValue::new(wrong, expected))
        }
    }
}

fn parse_share(value: &str) -> Result<f64, InvalidValue> {
    let share = value.trim().parse().ok().filter(|share| (0.0..=1.0).contains(share));
    let wrong =
        || InvalidValue::new(format!("is {}", quoted(value)), "a share from 0 to 1, such as 0.1");
    share.ok_or_else(wrong)
}

fn parse_place(value: &str) -> Result<MetricsPlace, InvalidValue> {
    match value.trim() {
        "off" => Ok(MetricsPlace::Off),
        "shared" => Ok(MetricsPlace::Shared),
        address => address.parse().map(MetricsPlace::Own).map_err(|_| {
            let wrong = format!("is {}", quoted(value));
            InvalidValue::new(wrong, "an address such as 127.0.0.1:9464, shared or off")
        }),
    }
}

/// Replaces a level of other programs by ours, in one directive.
fn with_our_level(directive: &str) -> String {
    let (before, level) = match directive.rsplit_once('=') {
        Some((before, level)) => (format!("{before}="), level),
        None => (String::new(), directive),
    };
    let ours = OTHER_LEVELS.iter().find(|(other, _)| other.eq_ignore_ascii_case(level.trim()));
    ours.map_or_else(|| directive.to_owned(), |(_, ours)| format!("{before}{ours}"))
}

/// True if a directive is a word that names neither a level nor a module here.
fn is_nothing(directive: &str) -> bool {
    let word = directive.to_ascii_lowercase();
    let is_level =
        LEVELS.contains(&word.as_str()) || word.parse::<u8>().is_ok_and(|level| level < 6);
    let is_part = PARTS.iter().any(|part| word.starts_with(part));
    !(word.is_empty() || word.contains(['=', '[']) || is_level || is_part)
}

/// True if a directive is a mistyped level, which would count as the name of a module, and silence all others.
fn is_mistyped_level(directive: &str) -> bool {
    let word = directive.to_ascii_lowercase();
    let is_near = |level: &&str| word.len() > 3 && (1..=2).contains(&distance(&word, level));
    !LEVELS.contains(&word.as_str()) && LEVELS.iter().any(is_near)
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
    fn a_share_is_from_none_to_all() {
        assert_eq!((parse_share("0"), parse_share(" 0.25 ")), (Ok(0.0), Ok(0.25)));
        for value in ["", "-0.1", "1.1", "NaN", "10%"] {
            let error = parse_share(value).unwrap_err();
            assert_eq!(error.expected, "a share from 0 to 1, such as 0.1");
        }
    }

    #[test]
    fn metrics_are_read_at_an_address_beside_the_api_or_nowhere() {
        let own = MetricsPlace::Own(([127, 0, 0, 1], 9464).into());
        assert_eq!(parse_place("127.0.0.1:9464"), Ok(own));
        assert_eq!(parse_place("shared"), Ok(MetricsPlace::Shared));
        assert_eq!(parse_place("off"), Ok(MetricsPlace::Off));
        for value in ["9464", "localhost", "on"] {
            assert_eq!(parse_place(value).unwrap_err().wrong, format!("is {value:?}"));
        }
    }

    #[test]
    fn levels_that_other_programs_know_are_understood() {
        for (filter, ours) in [
            ("warning", "warn"),
            ("WARNING", "warn"),
            ("fatal,keyfold=Verbose", "error,keyfold=debug"),
            ("keyfold::sessions=critical", "keyfold::sessions=error"),
            ("none", "off"),
        ] {
            assert_eq!(parse_filter(filter), Ok(ours.to_owned()));
        }
    }

    #[test]
    fn a_word_that_stands_for_nothing_does_not_silence_everything() {
        for filter in ["quiet", "yes", "info,keyfodl", "6"] {
            let error = parse_filter(filter).unwrap_err();
            assert!(error.wrong.ends_with("neither a level nor a part of this program"), "{error}");
        }
    }

    #[test]
    fn a_mistyped_level_is_not_taken_for_a_module() {
        let error = parse_filter("keyfold=debug,inof").unwrap_err();
        assert_eq!(error.wrong, "contains \"inof\", which is not a level");
        assert!(error.expected.ends_with("perhaps info"), "{error}");
    }
}
