//! The observability stack: valid files, mounts that are there, pinned images, ports for this machine alone.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::{DIRECTORY, array, text, yaml};
use crate::tidy::{assert_none, files, root};

const COMPOSE: &str = "observability/compose.yaml";

fn services() -> Vec<(String, Value)> {
    let compose: Value = yaml(COMPOSE);
    let services = compose["services"].as_object().unwrap().clone();
    services.into_iter().collect()
}

#[test]
fn every_yaml_file_is_one() {
    let is_yaml = |path: &String| {
        Path::new(path)
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
    };
    let found: Vec<_> = files(DIRECTORY).into_iter().filter(is_yaml).collect();
    assert!(found.len() >= 13, "{found:?}");
    for path in found {
        assert!(yaml::<Value>(&path).is_object(), "{path}");
    }
}

#[test]
fn every_file_that_is_mounted_is_there_and_every_volume_is_declared() {
    let compose: Value = yaml(COMPOSE);
    let mut mounted = BTreeSet::new();
    for (name, service) in services() {
        for volume in array(&service["volumes"]).map(|volume| volume.as_str().unwrap()) {
            let (source, _) = volume.split_once(':').unwrap();
            if let Some(path) = source.strip_prefix("./") {
                assert!(root().join(DIRECTORY).join(path).exists(), "{name} mounts {path}");
                assert!(volume.ends_with(":ro"), "{name} only reads {path}");
                mounted.insert(path.to_owned());
            } else {
                assert!(compose["volumes"].get(source).is_some(), "{name} has a volume {source}");
            }
        }
        let config = array(&service["command"]).filter_map(|it| it.as_str()?.split_once("config"));
        for path in config.filter_map(|(_, rest)| rest.split_once('=')).map(|(_, path)| path) {
            let mounts = array(&service["volumes"]).map(|it| it.as_str().unwrap());
            let is_mounted = mounts.filter_map(|it| it.split(':').nth(1)).any(|it| it == path);
            assert!(is_mounted, "{name} reads {path}, which is not mounted");
        }
    }
    // The rule files that Prometheus reads lie beside its configuration.
    let prometheus: Value = yaml("observability/prometheus/prometheus.yml");
    for file in array(&prometheus["rule_files"]).map(|file| file.as_str().unwrap()) {
        assert!(mounted.contains(&format!("prometheus/{file}")), "{file} is mounted");
    }
}

#[test]
fn images_are_pinned_and_ports_are_for_this_machine_alone() {
    let broken = services().into_iter().flat_map(|(name, service)| {
        let image = text(&service, "image");
        let version = image.rsplit_once(':').map_or("", |(_, version)| version);
        let is_pinned = version.matches('.').count() == 2;
        let image = (!is_pinned).then(|| format!("{name}: the image {image}"));
        let ports = array(&service["ports"]).map(|port| port.as_str().unwrap_or_default());
        let ports = ports.filter(|port| !port.starts_with("127.0.0.1:"));
        let ports = ports.map(|port| format!("{name}: the port {port}"));
        image.into_iter().chain(ports).collect::<Vec<_>>()
    });
    assert_none("images are pinned and ports are on the loopback address", broken);
}

#[test]
fn every_pipeline_of_the_collector_is_made_of_what_is_configured() {
    let collector: Value = yaml("observability/collector.yaml");
    let pipelines = collector["service"]["pipelines"].as_object().unwrap();
    assert_eq!(pipelines.keys().collect::<Vec<_>>(), ["logs", "metrics", "traces"]);
    let parts = ["receivers", "processors", "exporters"];
    let mut used = BTreeSet::new();
    for (pipeline, part) in pipelines.values().flat_map(|it| parts.map(|part| (it, part))) {
        for name in array(&pipeline[part]).map(|name| name.as_str().unwrap()) {
            assert!(collector[part].get(name).is_some(), "{part} has no {name}");
            used.insert(name);
        }
    }
    let configured = parts.iter().flat_map(|part| collector[part].as_object().unwrap().keys());
    assert_none(
        "what is configured is used",
        configured.filter(|it| !used.contains(it.as_str())).cloned(),
    );
}

#[test]
fn a_start_of_keyfold_begins_no_stream_of_log_records() {
    let loki: Value = yaml("observability/loki.yaml");
    let labels = &loki["distributor"]["otlp_config"]["default_resource_attributes_as_index_labels"];
    assert_eq!(*labels, json!(["service.name"]));
}

#[test]
fn the_stack_asks_nobody_for_a_password_and_has_none() {
    let grafana = &services().into_iter().find(|(name, _)| name == "grafana").unwrap().1;
    let environment = grafana["environment"].as_object().unwrap();
    let is = |name: &str, value: &str| environment.get(name).and_then(Value::as_str) == Some(value);
    assert!(is("GF_AUTH_DISABLE_LOGIN_FORM", "true"));
    assert!(is("GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION", "true"));
    assert!(!environment.keys().any(|name| name.contains("PASSWORD")));
}
