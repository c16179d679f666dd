//! The unit for systemd: valid, hardened, and able to run a server.

use std::fs;
use std::path::Path;

use crate::support::postgres::new_directory;
use crate::support::process::Keyfold;
#[cfg(target_os = "linux")]
use crate::support::tools::run;
use crate::support::user::TestUser;

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/keyfold.service");

/// Paths of the unit: the binary, and the directory that systemd creates for it.
const BINARY: &str = "/usr/local/bin/keyfold";
const STATE: &str = "/var/lib/keyfold";

/// The unit, with the binary of the tests and a directory for what it keeps.
fn installed(directory: &Path) -> String {
    let unit = fs::read_to_string(UNIT).unwrap();
    let replaced = [
        (format!("ExecStart={BINARY}"), format!("ExecStart={}", env!("CARGO_BIN_EXE_keyfold"))),
        (format!("={STATE}"), format!("={}", directory.to_str().unwrap())),
    ];
    replaced.into_iter().fold(unit, |unit, (documented, actual)| {
        assert!(unit.contains(&documented), "the unit has {documented}");
        unit.replace(&documented, &actual)
    })
}

/// The values of a setting of the unit.
fn values<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix('=');
    unit.lines().filter_map(value).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_unit_is_one_that_systemd_takes_and_exposes_little() {
    let directory = new_directory("unit");
    let file = directory.join("keyfold.service");
    fs::write(&file, installed(&directory)).unwrap();
    let analyze = || tokio::process::Command::new("systemd-analyze");
    assert_eq!(run(analyze().args(["verify", "--man=no"]).arg(&file)).await, "");
    // Exposure of 100 at most: above 20, the unit has regained a privilege that it does not need.
    let limits = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    run(analyze().args(limits).arg(&file)).await;
    fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_unit_runs_serves_and_stops_within_the_time_that_it_gives() {
    let directory = new_directory("state");
    let unit = installed(&directory);
    let [command] = values(&unit, "ExecStart")[..] else { panic!("it runs one program: {unit}") };
    assert_eq!(command, format!("{} serve", env!("CARGO_BIN_EXE_keyfold")));
    let variables = values(&unit, "Environment")
        .into_iter()
        .map(|variable| variable.split_once('=').expect("a variable has a value"));
    let keyfold = variables.fold(Keyfold::new(), |keyfold, (name, value)| keyfold.set(name, value));
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    ada.create_task("Milk").await;
    assert_eq!(ada.titles().await, ["Milk"]);
    server.stop().await;
    // Longest stop by default: no delay, and the timeouts of requests, work and actors.
    let [patience] = values(&unit, "TimeoutStopSec")[..] else { panic!("it gives one time") };
    let patience: u64 = patience.parse().unwrap();
    let defaults = keyfold::config::HttpConfig::default();
    let longest = defaults.stop_delay + 2 * defaults.shutdown_timeout;
    assert!(patience > longest.as_secs(), "{patience} s for {longest:?}");
    fs::remove_dir_all(directory).unwrap();
}
