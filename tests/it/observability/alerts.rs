//! Alerts: each has a runbook, and tests that it fires and is silent, which Prometheus' own tool runs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ALERTS, RUNBOOKS, array, rules, text, yaml};
use crate::support::tools::{program, run};
use crate::tidy::{assert_none, files, read, root};

const TESTS: &str = "observability/prometheus/tests";

/// Alerts that have to exist.
const WANTED: [&str; 16] = [
    "AppendConflicts",
    "AppendSlow",
    "BruteForceOnOneAccount",
    "ChangesRefused",
    "ClockSkewed",
    "CredentialStuffing",
    "HashQueueSaturated",
    "LogHeadStuck",
    "NoSigningKey",
    "NotFollowing",
    "NotificationQueueFilling",
    "RevocationLag",
    "SignInFailuresAboveBaseline",
    "SigningKeyOverdue",
    "TelemetrySilent",
    "TokensOfUnknownKey",
];

#[test]
fn every_alert_says_how_grave_it_is_what_happens_and_where_its_runbook_is() {
    let mut names = BTreeSet::new();
    for alert in rules(ALERTS) {
        let name = text(&alert, "alert");
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        let severity = text(&alert["labels"], "severity");
        assert!(["warning", "critical"].contains(&severity), "{name} is {severity}");
        assert!(text(&alert, "for").ends_with('m'), "{name} waits before it fires");
        let annotations = &alert["annotations"];
        assert!(!text(annotations, "summary").ends_with('.'), "{name} has a headline");
        assert!(text(annotations, "description").ends_with('.'), "{name} has a sentence");
        assert_eq!(text(annotations, "runbook_url"), format!("{RUNBOOKS}/{name}.md"));
    }
    assert_eq!(names, WANTED.map(str::to_owned).into());
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let expected: Vec<_> = WANTED.iter().map(|name| format!("{RUNBOOKS}/{name}.md")).collect();
    assert_eq!(files(RUNBOOKS), expected);
    let index = read("observability/README.md");
    for (path, name) in expected.iter().zip(WANTED) {
        let runbook = read(path);
        assert!(runbook.starts_with(&format!("# {name}\n\n")), "{path} is headed by its name");
        for part in ["**Look**", "**Do**", "**Silent** "] {
            assert!(runbook.contains(part), "{path} has no part {part}");
        }
        assert!(index.contains(&format!("[{name}](runbooks/{name}.md)")), "the list names {name}");
    }
}

/// Number of tests in which each alert fires, and in which it is silent.
fn expectations() -> BTreeMap<String, (usize, usize)> {
    let mut found: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for path in files(TESTS) {
        let file: Value = yaml(&path);
        for test in array(&file["tests"]).flat_map(|test| array(&test["alert_rule_test"])) {
            let (fires, is_silent) = found.entry(text(test, "alertname").to_owned()).or_default();
            let firing = array(&test["exp_alerts"]).count();
            *if firing > 0 { fires } else { is_silent } += 1;
        }
    }
    found
}

#[test]
fn every_alert_is_tested_firing_and_silent() {
    let found = expectations();
    assert_eq!(found.keys().collect::<Vec<_>>(), WANTED.iter().collect::<Vec<_>>());
    // Silent twice on an idle server, once on a new one, and once where a wrong rule would fire.
    let broken = found.iter().filter(|(_, (fires, is_silent))| *fires < 1 || *is_silent < 4);
    assert_none("an alert is tested", broken.map(|(name, counts)| format!("{name}: {counts:?}")));
}

#[tokio::test]
async fn prometheus_accepts_the_configuration_and_its_rules() {
    let file = root().join("observability/prometheus/prometheus.yml");
    run(program("promtool").args(["check", "config", "--lint-fatal"]).arg(file)).await;
}

#[tokio::test]
async fn every_test_of_the_rules_passes() {
    let tests = files(TESTS);
    assert!(tests.len() >= 5, "{tests:?}");
    let tests = tests.iter().map(|path| root().join(path));
    run(program("promtool").args(["test", "rules"]).args(tests)).await;
}
