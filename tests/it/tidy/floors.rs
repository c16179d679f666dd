//! The floors of the house: the one list of the modules, from the ground up, and the uses that they permit.

use super::graph::{Graph, top};
use super::manifests::assert_block;
use super::{assert_none, sources};

/// A floor: its modules, which do not know each other, and what stands there.
struct Floor {
    modules: &'static [&'static str],
    holds: &'static str,
}

const fn floor(modules: &'static [&'static str], holds: &'static str) -> Floor {
    Floor { modules, holds }
}

/// The floors from the ground up. The map in `docs/architecture.md` is made of this list.
const FLOORS: [Floor; 14] = [
    floor(
        &["base"],
        "clock, identifiers, text, times, caches: small things that use nothing of Keyfold",
    ),
    floor(
        &["telemetry"],
        "log lines, traces, metrics, audit events, their settings and their export",
    ),
    floor(&["capacity"], "byte budgets, the memory plan, worker pools"),
    floor(
        &["postgres", "http"],
        "connections, pool, migrations, private cluster; a toolkit of edge, requests and responses",
    ),
    floor(&["eventlog"], "the kernel: model, log, entity, cluster; it knows no feature"),
    floor(&["accounts", "keys", "sessions", "tasks"], "the features: values, rules, read models"),
    floor(&["revocations"], "ends of sessions, for services that verify tokens by themselves"),
    floor(&["problems"], "what the errors of each feature mean to a client"),
    floor(&["authn"], "who calls: credentials, the session they prove, and whether it is live"),
    floor(&["api"], "the operations, one file each, with their bodies; the OpenAPI document"),
    floor(&["web"], "the pages, their assets, and the API explorer"),
    floor(&["config"], "the environment, as one plain value"),
    floor(
        &["app"],
        "the composition root: starts, joins and stops all parts; the HTTP server; routes",
    ),
    floor(&["cli"], "the command line: `serve` and the commands of operators"),
];

/// Modules that speak HTTP. All others know neither the framework nor the toolkit.
const SPEAK_HTTP: [&str; 7] = ["http", "problems", "authn", "api", "web", "app", "cli"];

fn height(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.modules.contains(&top(module)))
}

#[test]
fn every_module_has_its_floor() {
    let graph = Graph::of_program().of_tops();
    let homeless = graph.modules().filter(|module| height(module).is_none());
    assert_none("a module is in the list of floors", homeless.map(str::to_owned));
}

#[test]
fn no_module_reaches_a_module_above_or_beside_it_by_any_way_round() {
    let graph = Graph::of_program().of_tops();
    let mut broken = Vec::new();
    for module in graph.modules() {
        let ways = graph.ways_from(module);
        let upward = ways.into_iter().filter(|(end, _)| height(end) >= height(module));
        broken.extend(upward.map(|(_, way)| way.join(" → ")));
    }
    assert_none("modules reach those on lower floors only", broken);
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    assert_none("files of a module have an order", Graph::of_program().circles());
}

#[test]
fn the_kernel_and_the_features_know_no_http() {
    let names_http = |code: &str| {
        ["poem::", "poem_openapi::", "crate::http", "hyper::"]
            .iter()
            .any(|name| code.contains(name))
    };
    let broken = sources("src").into_iter().filter(|source| {
        let module = source.path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = module.split('/').next().unwrap();
        let speaks = SPEAK_HTTP.contains(&module) || ["telemetry", "config"].contains(&module);
        !speaks && names_http(&source.code)
    });
    assert_none("HTTP is known above the features", broken.map(|source| source.path));
}

#[test]
fn the_map_of_the_architecture_is_the_list_of_floors() {
    let names = |floor: &Floor| floor.modules.join(" ");
    let width = FLOORS.iter().map(|floor| names(floor).len()).max().unwrap();
    let line = |floor: &Floor| format!("{:width$}  {}\n", names(floor), floor.holds);
    let map: String = FLOORS.iter().rev().map(line).collect();
    assert_block("docs/architecture.md", "floors", &format!("```\n{map}```"));
}
