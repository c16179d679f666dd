//! Rules about the words of comments and messages: plain technical English, which begins with the noun.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::graph::Graph;
use super::{assert_none, files, read, sources};

/// Words with which a sentence tells who notices a thing instead of naming it.
const WH: [&str; 16] = [
    "What",
    "Who",
    "Whoever",
    "Whom",
    "Whose",
    "Whether",
    "Why",
    "Where",
    "Wherever",
    "When",
    "Whenever",
    "Which",
    "Whichever",
    "Whatever",
    "How",
    "However",
];

/// Directories whose comments are held to the rules, each by itself.
const COMMENTED: [&str; 3] = ["src", "tests/it", "benches"];

/// Of a hundred sentences, at most so many begin with one of them.
const MOST_PERCENT: usize = 4;

/// The comments of a text, each as one line of prose, without its blocks of code.
fn comments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut comment = String::new();
    let mut is_code = false;
    for line in text.lines().chain([""]) {
        let prose = line.trim_start().strip_prefix("//");
        match prose.map(|prose| prose.trim_start_matches(['/', '!']).trim()) {
            Some(prose) if prose.starts_with("```") => is_code = !is_code,
            Some(_) if is_code => {}
            Some(prose) => comment.extend([prose, " "]),
            None if comment.is_empty() => {}
            None => found.push(std::mem::take(&mut comment)),
        }
    }
    found
}

/// The first words of the sentences of a comment.
fn first_words(comment: &str) -> Vec<&str> {
    let mut is_start = true;
    let mut found = Vec::new();
    for word in comment.split_whitespace() {
        let bare = word.trim_matches(|it: char| !it.is_alphanumeric());
        if is_start && !bare.is_empty() {
            found.push(bare);
        }
        // A mark of a list begins a sentence as the end of another does.
        is_start =
            word.ends_with(['.', ':', '?', '!']) || (is_start && bare.is_empty()) || word == "*";
    }
    found
}

#[test]
fn sentences_of_comments_begin_with_the_noun() {
    for directory in COMMENTED {
        let sources = sources(directory);
        let comments = sources.iter().flat_map(|source| comments(&source.text));
        let words: Vec<_> = comments
            .flat_map(|it| first_words(&it).into_iter().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let wh = words.iter().filter(|word| WH.contains(&word.as_str())).count();
        assert!(
            wh * 100 <= words.len() * MOST_PERCENT,
            "{wh} of {} sentences in {directory} begin with one of {WH:?}",
            words.len()
        );
    }
}

#[test]
fn no_comment_refers_to_its_neighbour_as_the_same() {
    let broken = COMMENTED.into_iter().flat_map(sources).flat_map(|source| {
        let refers = comments(&source.text).into_iter().filter(|it| it.starts_with("The same"));
        refers.map(|comment| format!("{}: {comment}", source.path)).collect::<Vec<_>>()
    });
    assert_none("a comment says the thing", broken);
}

#[test]
fn the_first_words_of_sentences_are_found() {
    let text = "/// What it is. It has parts: when (often). `Who` says so?\n///\n/// * Why not\n\
                /// ```\n/// How\n/// ```\nfn a() {}\n// The same.";
    let comments = comments(text);
    let words: Vec<_> = comments.iter().flat_map(|comment| first_words(comment)).collect();
    assert_eq!(words, ["What", "It", "when", "Who", "Why", "The"]);
}

/// Names that several types have on purpose: those of every decider, the groups of the API that are named like their
/// features, and types that the document and the program have each in their way.
const SHARED_NAMES: [&str; 11] = [
    "Account",
    "Changed",
    "Command",
    "Ended",
    "Health",
    "JsonWebKeySet",
    "Rejection",
    "Revocations",
    "Sessions",
    "State",
    "Tasks",
];

/// The names of the types that a code declares outside of functions.
fn declared(code: &str) -> Vec<&str> {
    let kinds = ["struct ", "enum ", "trait ", "type ", "union "];
    let lines = code.lines().filter(|line| !line.starts_with(char::is_whitespace));
    let names = lines.filter_map(|line| {
        let item = line
            .strip_prefix("pub")
            .map_or(line, |rest| rest.split_once(' ').map_or("", |it| it.1));
        let name = kinds.iter().find_map(|kind| item.strip_prefix(kind))?;
        name.split(|it: char| !it.is_alphanumeric()).next()
    });
    names.collect()
}

#[test]
fn the_name_of_a_type_stands_for_one_thing() {
    let graph = Graph::of_program();
    let mut homes = BTreeMap::<String, BTreeSet<&str>>::new();
    for (module, code) in graph.codes() {
        for name in declared(code) {
            homes.entry(name.to_owned()).or_default().insert(module);
        }
    }
    let shared = homes
        .iter()
        .filter(|(name, homes)| homes.len() > 1 && !SHARED_NAMES.contains(&name.as_str()));
    assert_none("one name, one type", shared.map(|(name, homes)| format!("{name}: {homes:?}")));
}

/// Sources with texts of the OpenAPI document, which is a contract.
const OF_THE_DOCUMENT: [&str; 2] = ["src/api/schemas.rs", "src/http/response/failure.rs"];

/// True if a text of several words begins like a question, or refers to its neighbour.
fn is_indirect(text: &str) -> bool {
    let text = text.trim_start_matches("\\\n");
    let Some((first, _)) = text.split_once(' ') else { return false };
    text.starts_with("The same ") || WH.iter().any(|word| word.eq_ignore_ascii_case(first))
}

#[test]
fn messages_begin_with_the_noun() {
    // Log lines, errors, help and settings are literals; the meanings of telemetry, alerts and panels are in quotes too.
    let shown = sources("src").into_iter().filter(|it| !OF_THE_DOCUMENT.contains(&&*it.path));
    let literals =
        shown.flat_map(|it| it.strings.into_iter().map(move |text| (it.path.clone(), text)));
    let observed = files("observability")
        .into_iter()
        .filter(|it| Path::new(it).extension().is_some_and(|it| it == "yaml" || it == "json"));
    let quoted = observed.flat_map(|path| {
        let text = read(&path);
        let texts = text.split('"').map(|text| (path.clone(), text.to_owned()));
        texts.collect::<Vec<_>>()
    });
    let broken = literals.chain(quoted).filter(|(_, text)| is_indirect(text));
    assert_none("a message says the thing", broken.map(|(path, text)| format!("{path}: {text}")));
}

#[test]
fn an_indirect_text_is_found() {
    for text in ["What it is.", "how long it takes", "\\\nThe same of log records."] {
        assert!(is_indirect(text), "{text}");
    }
    for text in ["when", "The session ended: why is unknown.", "whenever,", ""] {
        assert!(!is_indirect(text), "{text}");
    }
}
