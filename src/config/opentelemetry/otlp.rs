//! Destination of one signal, and its transport ("OpenTelemetry Protocol Exporter").

use std::time::Duration;

use hyper::Uri;
use url::Url;

use super::pairs;
use super::signal::Signal;
use super::standard::{Standard, time_limit, word};
use super::table::{
    CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY, COMPRESSION, ENDPOINT, HEADERS, INSECURE,
    PROTOCOL, TIMEOUT,
};
use crate::config::read::error::InvalidValue;
use crate::config::read::reader::Reader;
use crate::telemetry::settings::{ClientFiles, Endpoint, OtlpSettings, Protocol};

/// Default timeout for sending a batch.
const TIME_LIMIT: Duration = Duration::from_secs(10);
const PROTOCOLS: &[(&str, Protocol)] =
    &[("grpc", Protocol::Grpc), ("http/protobuf", Protocol::HttpProtobuf)];
const COMPRESSIONS: &[(&str, bool)] = &[("none", false), ("gzip", true)];

/// Destination of a signal that is exported: the collector that is named, or one on this host.
pub(super) fn read(
    standard: &mut Standard<'_>,
    reader: &mut Reader<'_>,
    signal: Signal,
) -> Option<OtlpSettings> {
    let protocol = standard.of_signal(&PROTOCOL, signal, word(PROTOCOLS)).unwrap_or(Protocol::Grpc);
    let insecure = standard.is_true(&INSECURE.of(signal));
    let general = standard.is_true(INSECURE.name);
    let is_insecure = insecure.or(general).unwrap_or(false);
    let (name, text) = standard.text_of_signal(&ENDPOINT, signal).unwrap_or_else(|| {
        let port = if protocol == Protocol::Grpc { 4317 } else { 4318 };
        (ENDPOINT.name.to_owned(), format!("http://localhost:{port}"))
    });
    let path = (name == ENDPOINT.name).then(|| signal.path());
    let endpoint = match protocol {
        Protocol::Grpc => of_grpc(&text, is_insecure),
        Protocol::HttpProtobuf => of_http(&text, path),
    };
    let endpoint = endpoint.map_err(|reason| reader.problem(&name, reason)).ok();
    let headers = standard.of_signal(&HEADERS, signal, pairs::headers).unwrap_or_default();
    let gzip = standard.of_signal(&COMPRESSION, signal, word(COMPRESSIONS)).unwrap_or(false);
    let time_limit = standard.of_signal(&TIMEOUT, signal, time_limit).unwrap_or(TIME_LIMIT);
    let trusted = standard.text_of_signal(&CERTIFICATE, signal).map(|(_, path)| path.into());
    let client = client(standard, reader, signal);
    let endpoint = endpoint?;
    Some(OtlpSettings { endpoint, protocol, headers, gzip, time_limit, trusted, client })
}

/// Certificate and key of the client, which are usable only together.
fn client(
    standard: &mut Standard<'_>,
    reader: &mut Reader<'_>,
    signal: Signal,
) -> Option<ClientFiles> {
    let certificate = standard.text_of_signal(&CLIENT_CERTIFICATE, signal);
    let key = standard.text_of_signal(&CLIENT_KEY, signal);
    match (certificate, key) {
        (Some((_, certificate)), Some((_, key))) => {
            Some(ClientFiles { certificate: certificate.into(), key: key.into() })
        }
        (None, None) => None,
        (Some((name, _)), None) => {
            reader.problem(&name, alone(CLIENT_KEY.name));
            None
        }
        (None, Some((name, _))) => {
            reader.problem(&name, alone(CLIENT_CERTIFICATE.name));
            None
        }
    }
}

fn alone(other: &str) -> InvalidValue {
    InvalidValue::new(format!("is set, and {other} is not"), "both or none")
}

/// Endpoint of OTLP over gRPC: without a scheme, `is_insecure` decides about TLS.
fn of_grpc(value: &str, is_insecure: bool) -> Result<Endpoint, InvalidValue> {
    let value = value.trim();
    let scheme = if is_insecure { "http" } else { "https" };
    let with_scheme = format!("{scheme}://{value}");
    let url = url(if value.contains("://") { value } else { &with_scheme })?;
    match (url.path(), url.query()) {
        ("/", None) => Ok(Endpoint(url)),
        ("/", Some(_)) => Err(wrong("has a query, and OTLP over gRPC has none")),
        _ => {
            let wrong = "has a path, and OTLP over gRPC has none";
            let expected = format!("{EXPECTED}, or {} to be http/protobuf", PROTOCOL.name);
            Err(InvalidValue::new(wrong, expected))
        }
    }
}

/// Endpoint of OTLP over HTTP: the path of the signal is appended to a general one.
fn of_http(value: &str, path: Option<&str>) -> Result<Endpoint, InvalidValue> {
    let mut url = url(value.trim())?;
    if let Some(path) = path {
        let base = url.path().strip_suffix('/').unwrap_or(url.path());
        let whole = format!("{base}/{path}");
        url.set_path(&whole);
    }
    Ok(Endpoint(url))
}

const EXPECTED: &str = "the address of a collector, such as http://127.0.0.1:4317";

fn wrong(what: &str) -> InvalidValue {
    InvalidValue::new(what, EXPECTED)
}

fn url(value: &str) -> Result<Url, InvalidValue> {
    let mut url = Url::parse(value).map_err(|_| wrong("is not a URL"))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(wrong("has a scheme that cannot be used"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let expected = format!("them in {}, as an authorization", HEADERS.name);
        return Err(InvalidValue::new("contains a user name or password", expected));
    }
    url.set_fragment(None);
    // Not every URL that a browser accepts can be requested.
    if url.as_str().parse::<Uri>().is_err() {
        return Err(wrong("is not a URL that can be asked for"));
    }
    Ok(url)
}
