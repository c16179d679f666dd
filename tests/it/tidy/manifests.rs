//! Rules about what is committed beside the sources: manifests, lock files and the README.

use keyfold::config;

use serde_json::Value;

use super::{assert_none, files, read};

/// Where npm packages are used.
const NPM_PACKAGES: [&str; 3] = ["tests/clients", "tests/browser", "tests/postgres"];

fn read_json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap()
}

/// Asserts that a document has a table between two marks.
#[track_caller]
fn assert_table(path: &str, mark: &str, expected: &str) {
    let (begin, end) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    let document = read(path);
    let table = document
        .split_once(&begin)
        .and_then(|(_, after)| after.split_once(&end))
        .map(|(table, _)| table.trim());
    assert!(
        table == Some(expected.trim()),
        "between {begin} and {end} {path} has to say:\n\n{expected}"
    );
}

#[test]
fn the_documents_name_every_variable_as_the_program_does() {
    assert_table("docs/configuration.md", "variables", &config::markdown_table());
}

#[test]
fn the_documents_name_every_standard_variable_and_whether_it_is_obeyed() {
    let expected = config::standard_markdown_table();
    assert_table("docs/opentelemetry.md", "standard variables", &expected);
}

#[test]
fn every_picture_of_the_readme_is_there() {
    let readme = read("README.md");
    let pictures: Vec<_> = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|path| path.starts_with("tests/browser/screenshots/"))
        .collect();
    let known = files("tests/browser/screenshots");
    assert_eq!(pictures.len(), known.len());
    let missing = pictures.into_iter().filter(|path| !known.iter().any(|known| known == path));
    assert_none("README.md shows pictures that are there", missing.map(str::to_owned));
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
