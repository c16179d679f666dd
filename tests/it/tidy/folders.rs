//! Rules about folders: few files side by side, and one style of modules.

use std::collections::BTreeMap;

use super::{assert_none, sources};

/// The directories that have sources.
const DIRECTORIES: [&str; 3] = ["src", "tests/it", "benches"];

/// Most Rust files side by side in a folder.
const MOST_FILES: usize = 12;

/// The paths of all sources.
fn paths() -> Vec<String> {
    DIRECTORIES.into_iter().flat_map(sources).map(|source| source.path).collect()
}

/// The folders with more files than they may have, each with their number.
fn too_large(paths: &[String]) -> Vec<String> {
    let mut folders = BTreeMap::<&str, usize>::new();
    for path in paths {
        let (folder, _) = path.rsplit_once('/').unwrap();
        *folders.entry(folder).or_default() += 1;
    }
    let large = folders.into_iter().filter(|(_, files)| *files > MOST_FILES);
    large.map(|(folder, files)| format!("{folder}: {files}")).collect()
}

/// The files beside a folder with their name.
fn beside_their_folder(paths: &[String]) -> Vec<String> {
    let has_folder = |path: &&String| {
        let folder = format!("{}/", path.strip_suffix(".rs").unwrap());
        paths.iter().any(|other| other.starts_with(&folder))
    };
    paths.iter().filter(has_folder).cloned().collect()
}

#[test]
fn no_folder_has_more_than_a_dozen_files_side_by_side() {
    assert_none("folders are small", too_large(&paths()));
}

#[test]
fn a_module_with_children_is_a_folder_with_a_mod_file() {
    assert_none("one module style", beside_their_folder(&paths()));
}

#[test]
fn a_large_folder_and_a_file_beside_its_folder_are_found() {
    let numbered = (0..=MOST_FILES).map(|number| format!("src/many/{number}.rs"));
    let others = ["src/lib.rs", "src/many.rs", "src/few/mod.rs", "src/few/one.rs", "src/one.rs"];
    let paths: Vec<_> = numbered.chain(others.map(str::to_owned)).collect();
    assert_eq!(too_large(&paths), ["src/many: 13"]);
    assert_eq!(beside_their_folder(&paths), ["src/many.rs"]);
}
