//! Rules about the files that are committed beside the sources: manifests, lock files and documents.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use keyfold::config;

use serde_json::Value;

use super::{assert_none, files, read, root};

/// Folders that use npm packages.
const NPM_PACKAGES: [&str; 3] = ["tests/clients", "tests/browser", "tests/postgres"];

/// Documents at the root; those that are not there yet are left out.
const AT_THE_ROOT: [&str; 3] = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// Most lines of the README. Longer texts are pages in `docs/`.
const README_LINES: usize = 200;

/// Pictures that `make screenshots` renews.
const PICTURES: &str = "tests/browser/screenshots";

fn read_json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap()
}

/// Asserts that a document has exactly this between two marks.
#[track_caller]
pub fn assert_block(path: &str, mark: &str, expected: &str) {
    let (begin, end) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    let document = read(path);
    let block = document
        .split_once(&begin)
        .and_then(|(_, after)| after.split_once(&end))
        .map(|(block, _)| block.trim());
    assert!(
        block == Some(expected.trim()),
        "between {begin} and {end} {path} has to say:\n\n{expected}"
    );
}

/// The documents for people, by their paths from the root.
fn documents() -> Vec<String> {
    let is_document = |path: &String| Path::new(path).extension().is_some_and(|end| end == "md");
    let at_the_root = AT_THE_ROOT.into_iter().filter(|path| root().join(path).is_file());
    let pages = ["docs", "observability"].into_iter().flat_map(files).filter(is_document);
    at_the_root.map(str::to_owned).chain(pages).collect()
}

/// The text of a document without its blocks of code, which have no links and no headings.
fn prose(document: &str) -> String {
    let mut is_code = false;
    let lines = document.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The targets of the links and pictures of a document, except those on other sites.
fn links(document: &str) -> Vec<String> {
    let prose = prose(document);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).map(str::to_owned).collect()
}

/// The anchor that GitHub gives a heading: lower case, hyphens for spaces, and no punctuation.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    kept.map(|it| if it == ' ' { '-' } else { it }).collect()
}

/// The anchors of a document. Of two headings with the same words only the first one can be linked to.
fn anchors(document: &str) -> BTreeSet<String> {
    prose(document).lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

/// True if a link of a document leads to a file, and to a heading in it if it names one.
fn leads_somewhere(document: &str, link: &str) -> bool {
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let document = root().join(document);
    let target = if path.is_empty() { document } else { document.parent().unwrap().join(path) };
    if fragment.is_empty() {
        return target.exists();
    }
    fs::read_to_string(target).is_ok_and(|text| anchors(&text).contains(fragment))
}

#[test]
fn the_readme_fits_on_a_few_screens() {
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines; more belongs into docs/");
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut count = 0;
    let mut broken = Vec::new();
    for document in documents() {
        let links = links(&read(&document));
        count += links.len();
        let leading_nowhere = links.iter().filter(|link| !leads_somewhere(&document, link));
        broken.extend(leading_nowhere.map(|link| format!("{document}: {link}")));
    }
    assert_none("a link leads to a file, and to a heading of it", broken);
    assert!(count > 100, "{count} links");
}

#[test]
fn headings_have_the_anchors_that_github_gives_them() {
    let document =
        "# One node\n```sh\n# not this\n```\n## `make`, and what (it) does\ntext # not this";
    let expected = ["make-and-what-it-does", "one-node"];
    assert_eq!(anchors(document), expected.map(str::to_owned).into());
    let text = "[a](b.md#c) ![d](e.png) [f](https://g.example)\n```\n[h](i)\n```\n[j](#k)";
    assert_eq!(links(text), ["b.md#c", "e.png", "#k"]);
}

#[test]
fn the_documents_name_every_variable_as_the_program_does() {
    assert_block("docs/configuration.md", "variables", &config::markdown_table());
}

#[test]
fn the_documents_name_every_standard_variable_and_whether_it_is_obeyed() {
    let expected = config::standard_markdown_table();
    assert_block("docs/opentelemetry.md", "standard variables", &expected);
}

#[test]
fn every_picture_of_the_pages_is_shown() {
    let shown: String = documents().iter().map(|path| read(path)).collect();
    let unseen = files(PICTURES).into_iter().filter(|path| !shown.contains(&format!("{path})")));
    assert_none("a picture of the pages is shown in a document", unseen);
    // That every picture which is shown is there, the test of links says.
    assert!(!files(PICTURES).is_empty());
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let manifest = read("Cargo.toml");
    let mut section = "";
    let mut count = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && !line.starts_with('#') && line.contains('=')
        {
            count += 1;
            let reason = line.split_once(" # ").map_or("", |(_, reason)| reason.trim());
            assert!(reason.len() > 2, "no reason in Cargo.toml: {line}");
        }
    }
    assert!(count > 10, "{count} dependencies");
}

#[test]
fn there_is_one_opentelemetry() {
    let lock = read("Cargo.lock");
    for name in ["opentelemetry", "opentelemetry_sdk", "tracing-opentelemetry"] {
        let versions = lock.matches(&format!("name = \"{name}\"\n")).count();
        assert_eq!(versions, 1, "two versions of {name} do not see each other's spans");
    }
}

#[test]
fn lock_files_name_no_place_of_their_own_to_download_from() {
    let cargo = read("Cargo.lock");
    let index = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let broken = cargo.lines().filter(|line| line.contains("://") && *line != index);
    assert_none("Cargo.lock names the crates.io index only", broken.map(str::to_owned));

    for directory in NPM_PACKAGES {
        let npm = read_json(&format!("{directory}/package-lock.json"));
        let resolved = npm["packages"].as_object().unwrap().iter();
        let broken = resolved.filter(|(_, package)| package.get("resolved").is_some());
        assert_none("package-lock.json names no registry", broken.map(|(name, _)| name.clone()));
    }
}

#[test]
fn npm_packages_are_wanted_in_one_version_which_is_the_locked_one() {
    for directory in NPM_PACKAGES {
        let manifest = read_json(&format!("{directory}/package.json"));
        let locked = &read_json(&format!("{directory}/package-lock.json"))["packages"];
        let wanted = ["devDependencies", "optionalDependencies"];
        let wanted = wanted.iter().filter_map(|kind| manifest[kind].as_object()).flatten();
        for (name, version) in wanted {
            // `npm:name@version` where it is wanted under another name.
            let version = version.as_str().unwrap();
            let version = version.rsplit_once('@').map_or(version, |(_, version)| version);
            let one = &locked[format!("node_modules/{name}")];
            assert_eq!(&one["version"], version, "{directory}: {name}");
            assert!(one["integrity"].is_string(), "{directory}: {name}");
        }
    }
}
