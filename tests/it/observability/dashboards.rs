//! Dashboards: found by fixed names, fed by provisioned data sources, with a description of each panel.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{array, dashboards, text, yaml};
use crate::tidy::assert_none;

/// The data sources that are provisioned, by uid and type.
fn data_sources() -> BTreeSet<(String, String)> {
    let file: Value = yaml("observability/grafana/provisioning/datasources/datasources.yaml");
    let named = |source: &Value| (text(source, "uid").to_owned(), text(source, "type").to_owned());
    array(&file["datasources"]).map(named).collect()
}

/// Every reference to a data source in a dashboard.
fn sources_named(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(
                |(key, value)| {
                    if key == "datasource" { vec![value] } else { sources_named(value) }
                },
            )
            .collect(),
        Value::Array(values) => values.iter().flat_map(sources_named).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn there_are_five_each_under_its_own_name() {
    let names: Vec<_> = dashboards()
        .iter()
        .map(|(path, dashboard)| {
            let name = path.rsplit('/').next().unwrap().trim_end_matches(".json");
            assert_eq!(text(dashboard, "uid"), format!("keyfold-{name}"), "{path}");
            assert!(text(dashboard, "title").starts_with("Keyfold: "), "{path}");
            assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 41, "{path}");
            assert!(dashboard["id"].is_null(), "{path}: the id is the installation's");
            let variables = array(&dashboard["templating"]["list"]).map(|it| text(it, "name"));
            assert_eq!(variables.collect::<Vec<_>>(), ["instance"], "{path}");
            name.to_owned()
        })
        .collect();
    assert_eq!(names, ["actors", "authentication", "event-log", "http", "tokens-and-keys"]);
}

#[test]
fn they_are_fed_by_data_sources_that_are_provisioned() {
    let known = data_sources();
    let broken = dashboards().into_iter().flat_map(|(path, dashboard)| {
        let named = sources_named(&dashboard).into_iter();
        let broken = named.filter(|source| {
            let named = (text(source, "uid").to_owned(), text(source, "type").to_owned());
            !known.contains(&named)
        });
        broken.map(|source| format!("{path}: {source}")).collect::<Vec<_>>()
    });
    assert_none("a data source is provisioned", broken);
}

#[test]
fn every_panel_has_a_title_a_description_a_unit_and_a_place_of_its_own() {
    for (path, dashboard) in dashboards() {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in array(&dashboard["panels"]) {
            let title = text(panel, "title");
            assert!(ids.insert(panel["id"].as_u64()), "{path}: the id of {title} is another's");
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|it| panel["gridPos"][it].as_u64().unwrap());
            assert!(x + w <= 24, "{path}: {title} is too wide");
            for (column, row) in
                (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row)))
            {
                assert!(taken.insert((column, row)), "{path}: {title} lies on another panel");
            }
            if text(panel, "type") == "row" {
                continue;
            }
            assert!(text(panel, "description").ends_with('.'), "{path}: {title} is described");
            let has_numbers = ["timeseries", "stat"].contains(&text(panel, "type"));
            let unit = &panel["fieldConfig"]["defaults"]["unit"];
            assert_eq!(unit.is_string(), has_numbers, "{path}: the unit of {title}");
        }
    }
}
