//! The graph of the modules of `src`: which file uses which, as far as its paths say. Tests are left out.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, sources};

/// Modules that each module of the program uses, by path: `eventlog::log::reader`.
pub struct Graph {
    uses: BTreeMap<String, BTreeSet<String>>,
    codes: BTreeMap<String, String>,
}

impl Graph {
    /// The graph of `src`.
    pub fn of_program() -> Self {
        let sources = sources("src");
        let tests: Vec<_> = sources.iter().flat_map(test_modules).collect();
        let is_test = |module: &str| {
            tests.iter().any(|test| module == test || module.starts_with(&format!("{test}::")))
        };
        let files: BTreeMap<_, _> = sources
            .iter()
            .map(|source| (module_of(&source.path), without_tests(source)))
            .filter(|(module, _)| !is_test(module) && module != "main")
            .collect();
        let known: BTreeSet<_> = files.keys().cloned().collect();
        let uses = |(module, code): (&String, &String)| {
            let used = paths(module, code).into_iter().filter_map(|path| nearest(&path, &known));
            (module.clone(), used.filter(|used| used != module && !used.is_empty()).collect())
        };
        Self { uses: files.iter().map(uses).collect(), codes: files }
    }

    /// The graph of the modules at the root of the crate.
    pub fn of_tops(&self) -> Self {
        let mut tops: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (module, used) in self.uses.iter().filter(|(module, _)| !module.is_empty()) {
            let others = used.iter().map(|used| top(used)).filter(|used| *used != top(module));
            tops.entry(top(module).to_owned()).or_default().extend(others.map(str::to_owned));
        }
        Self { uses: tops, codes: BTreeMap::new() }
    }

    /// The code of every module.
    pub fn codes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.codes.iter().map(|(module, code)| (module.as_str(), code.as_str()))
    }

    /// All modules.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.uses.keys().map(String::as_str)
    }

    /// The shortest ways from a module, by where they end.
    pub fn ways_from(&self, module: &str) -> BTreeMap<String, Vec<String>> {
        let mut ways = BTreeMap::from([(module.to_owned(), vec![module.to_owned()])]);
        let mut ends = vec![module.to_owned()];
        while !ends.is_empty() {
            let mut further = Vec::new();
            for end in ends {
                let way = ways[&end].clone();
                for next in self.uses.get(&end).into_iter().flatten() {
                    if !ways.contains_key(next) {
                        ways.insert(next.clone(), [way.clone(), vec![next.clone()]].concat());
                        further.push(next.clone());
                    }
                }
            }
            ends = further;
        }
        ways.remove(module);
        ways
    }

    /// The circles, each as the way from its first module back to it.
    pub fn circles(&self) -> BTreeSet<String> {
        let mut circles = BTreeSet::new();
        for (module, used) in &self.uses {
            for next in used {
                let ways = self.ways_from(next);
                let Some(back) = ways.get(module) else { continue };
                if back.iter().chain([next]).all(|other| module <= other) {
                    circles.insert(format!("{module} → {}", back.join(" → ")));
                }
            }
        }
        circles
    }
}

/// The module at the root of the crate that a module is in.
pub fn top(module: &str) -> &str {
    module.split("::").next().unwrap()
}

/// The module of a file: `eventlog::log` of `src/eventlog/log/mod.rs`, nothing of `src/lib.rs`.
fn module_of(path: &str) -> String {
    let path = path.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { String::new() } else { path.replace('/', "::") }
}

/// The modules of files that are compiled for tests only.
fn test_modules(source: &Source) -> Vec<String> {
    let module = module_of(&source.path);
    let parent = if module.is_empty() { module } else { format!("{module}::") };
    let mut lines = source.code.lines();
    let mut tests = Vec::new();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            let name = lines.next().and_then(|next| next.split_once("mod ")?.1.strip_suffix(';'));
            tests.extend(name.map(|name| format!("{parent}{name}")));
        }
    }
    tests
}

/// The code of a file without the modules in it that are compiled for tests only.
fn without_tests(source: &Source) -> String {
    let mut code = String::new();
    let mut lines = source.code.lines().peekable();
    while let Some(line) = lines.next() {
        let is_inline = lines.peek().is_some_and(|next| next.ends_with('{'));
        if line == "#[cfg(test)]" && is_inline {
            lines.by_ref().find(|line| *line == "}");
        } else {
            code.extend([line, "\n"]);
        }
    }
    code
}

/// Every path of the crate that the code of a module names.
fn paths(module: &str, code: &str) -> Vec<Vec<String>> {
    let own: Vec<_> = module.split("::").filter(|name| !name.is_empty()).collect();
    let mut found = Vec::new();
    let mut rest = code;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let is_start = !(before.is_alphanumeric() || before == '_' || before == ':');
        let base = is_start.then(|| base(rest, &own)).flatten();
        if let Some((base, after)) = base {
            tree(after, &base, &mut found);
            rest = after;
            before = ':';
        } else {
            rest = &rest[first.len_utf8()..];
            before = first;
        }
    }
    found
}

/// The module at which a path begins, and the path after that.
fn base<'a>(text: &'a str, own: &[&str]) -> Option<(Vec<String>, &'a str)> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    if let Some(after) = text.strip_prefix("crate::") {
        return Some((Vec::new(), after));
    }
    if let Some(after) = text.strip_prefix("self::") {
        return Some((owned(own), after));
    }
    let (mut base, mut after) = (owned(own), text.strip_prefix("super::")?);
    base.pop();
    while let Some(further) = after.strip_prefix("super::") {
        base.pop();
        after = further;
    }
    Some((base, after))
}

/// Adds the paths of a tree (`a::{b, c::D}`); returns what follows it.
fn tree<'a>(text: &'a str, base: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches([' ', '\n', ',']);
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let after = tree(rest, base, found);
            // `as name`, and everything that is no tree.
            rest = after.trim_start_matches(|it| it != ',' && it != '}');
            if rest.is_empty() {
                return rest;
            }
        }
    }
    let end = text.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    let path = [base, &[name.to_owned()]].concat();
    match after.strip_prefix("::") {
        Some(after) if !name.is_empty() => tree(after, &path, found),
        _ => {
            found.push(if name == "self" { base.to_vec() } else { path });
            after
        }
    }
}

/// The file that a path leads into.
fn nearest(path: &[String], known: &BTreeSet<String>) -> Option<String> {
    (0..=path.len()).rev().map(|length| path[..length].join("::")).find(|it| known.contains(it))
}

#[test]
fn the_paths_that_code_names_are_found() {
    let code = "use crate::id::{Id, UserId};\nuse super::{clock::{Clock, at}, keys};\n\
                fn a() -> self::tag::Tag { super::super::b() } pub(super) fn c() { $crate::d::e!() }";
    let found = paths("web::pages", code);
    let found: Vec<_> = found.iter().map(|path| path.join("::")).collect();
    let expected = [
        "id::Id",
        "id::UserId",
        "web::clock::Clock",
        "web::clock::at",
        "web::keys",
        "web::pages::tag::Tag",
        "b",
        "d::e",
    ];
    assert_eq!(found, expected);
}

#[test]
fn circles_are_found_also_by_a_way_round() {
    let used = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let graph =
        [("a", used(&["b"])), ("b", used(&["c"])), ("c", used(&["a"])), ("d", used(&["a"]))];
    let edges = graph.map(|(module, used)| (module.to_owned(), used));
    let graph = Graph { uses: edges.into(), codes: BTreeMap::new() };
    assert_eq!(graph.circles(), BTreeSet::from(["a → b → c → a".to_owned()]));
    assert_eq!(graph.ways_from("d").into_keys().collect::<Vec<_>>(), ["a", "b", "c"]);
}
