//! Observability: program, dashboards, alerts and documents agree with the registry of names, and Prometheus' own tools, and
//! Prometheus itself, accept them.

mod alerts;
mod dashboards;
mod documents;
mod program;
mod prometheus;
mod queries;
pub mod registry;
mod stack;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::tidy::{files, read};

/// Directory of all files about observability.
const DIRECTORY: &str = "observability";
const DASHBOARDS: &str = "observability/grafana/dashboards";
const RUNBOOKS: &str = "observability/runbooks";
const RECORDING: &str = "observability/prometheus/recording.yaml";
const ALERTS: &str = "observability/prometheus/alerts.yaml";

/// A YAML file.
fn yaml<T: DeserializeOwned>(path: &str) -> T {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every dashboard, by its path.
fn dashboards() -> Vec<(String, Value)> {
    let read = |path: String| {
        let dashboard = serde_json::from_str(&read(&path));
        let dashboard = dashboard.unwrap_or_else(|error| panic!("{path}: {error}"));
        (path, dashboard)
    };
    files(DASHBOARDS).into_iter().map(read).collect()
}

/// Every rule of a file.
fn rules(path: &str) -> Vec<Value> {
    let file: Value = yaml(path);
    let groups = file["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// The elements of a JSON array; none if there is no array.
fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text that has to be there.
#[track_caller]
fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}
