//! Rules about docs: a field says why it exists, and no doc restates the name that it stands at.

use super::{Source, assert_none, sources};

/// Folders whose fields carry the invariants of the server: the kernel of the event log and identity.
const KERNEL_AND_IDENTITY: [&str; 5] = ["eventlog", "sessions", "keys", "accounts", "authn"];

/// A reason needs so many words at least.
const FEWEST_WORDS: usize = 4;

/// Derives and attributes whose docs are output: the OpenAPI document and the help of the commands.
const OUTPUT: [&str; 8] =
    ["Object", "Union", "Enum", "ApiResponse", "Tags", "OpenApi", "Parser", "Subcommand"];

/// A line of code with the doc and the attributes that stand above it.
#[derive(Debug, Default)]
struct Item<'a> {
    doc: String,
    attributes: String,
    code: &'a str,
    indent: usize,
    /// Number of the line, from one.
    line: usize,
}

impl Item<'_> {
    fn has(&self, attribute: &str) -> bool {
        self.attributes.split(|it: char| !it.is_alphanumeric()).any(|word| word == attribute)
    }

    fn words(&self) -> usize {
        self.doc.split_whitespace().count()
    }

    /// The code without its visibility.
    fn declaration(&self) -> &str {
        match self.code.strip_prefix("pub") {
            Some(rest) if rest.starts_with('(') => rest.split_once(") ").map_or(rest, |it| it.1),
            Some(rest) => rest.trim_start(),
            None => self.code,
        }
    }
}

/// The lines of code of a text, which rustfmt has formatted, in their order. A `//!` stands at an item without code.
fn items(text: &str) -> Vec<Item<'_>> {
    let (mut found, mut next) = (Vec::new(), Item::default());
    let mut open_brackets = 0;
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if open_brackets > 0 || code.starts_with("#[") {
            open_brackets += code.matches('[').count();
            open_brackets -= code.matches(']').count();
            next.attributes += code;
        } else if let Some(doc) = code.strip_prefix("///") {
            next.doc.extend([doc, " "]);
        } else if let Some(doc) = code.strip_prefix("//!") {
            match found.last_mut() {
                Some(Item { doc: before, code: "", .. }) => before.extend([doc, " "]),
                _ => found.push(Item { doc: doc.to_owned(), line: index + 1, ..Item::default() }),
            }
        } else if !code.is_empty() && !code.starts_with("//") {
            let indent = line.len() - code.len();
            found.push(Item { code, indent, line: index + 1, ..std::mem::take(&mut next) });
        }
    }
    found
}

/// The items that enclose one, the nearest first.
fn enclosing<'a>(items: &'a [Item<'a>], index: usize) -> Vec<&'a Item<'a>> {
    let mut indent = items[index].indent;
    let before = items[..index].iter().rev();
    let outer = before.filter(|item| {
        let is_outer = item.indent < indent && !matches!(item.code, "" | "{" | "where");
        indent = if is_outer { item.indent } else { indent };
        is_outer
    });
    outer.collect()
}

/// True if a line declares a field, or a variant with fields on its one line, where it stands.
fn declares_field(item: &Item<'_>, outer: &[&Item<'_>]) -> bool {
    let is = |depth: usize, kind: &str| {
        outer.get(depth).is_some_and(|it| it.declaration().starts_with(kind))
    };
    let has_name = item.declaration().split_once(": ").is_some_and(|(name, _)| {
        !name.starts_with(char::is_uppercase)
            && name.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '#'))
    });
    let is_inline = is(0, "enum ") && item.code.contains(" { ");
    is_inline || (has_name && (is(0, "struct ") || (!is(0, "fn ") && is(1, "enum "))))
}

fn is_tested(item: &Item<'_>) -> bool {
    item.attributes.contains("cfg(test)")
}

/// The fields of a text that have no doc, or one that cannot be a reason; and the number of all.
fn fields(text: &str) -> (Vec<&str>, usize) {
    let items = items(text);
    let mut broken = Vec::new();
    let mut count = 0;
    for (index, item) in items.iter().enumerate() {
        let outer = enclosing(&items, index);
        if declares_field(item, &outer) && !is_tested(item) && !outer.iter().any(|it| is_tested(it))
        {
            count += 1;
            if item.words() < FEWEST_WORDS || !item.doc.trim_end().ends_with('.') {
                broken.push(item.code);
            }
        }
    }
    (broken, count)
}

/// The docs of a text that are too short to say more than a name, by their lines, unless they are output.
fn short_docs(text: &str) -> Vec<(usize, String)> {
    let items = items(text);
    let is_output = |item: &Item<'_>| OUTPUT.iter().any(|it| item.has(it));
    let short = items.iter().enumerate().filter(|(index, item)| {
        (1..FEWEST_WORDS).contains(&item.words())
            && !is_output(item)
            && !enclosing(&items, *index).into_iter().any(is_output)
    });
    short.map(|(_, item)| (item.line, format!("{}| {}", item.doc, item.code))).collect()
}

fn is_kernel_or_identity(source: &Source) -> bool {
    let is_test = source.path.contains("/tests/") || source.path.ends_with("/tests.rs");
    let mut folders = KERNEL_AND_IDENTITY.iter();
    !is_test && folders.any(|folder| source.path.starts_with(&format!("src/{folder}/")))
}

#[test]
fn every_field_of_the_kernel_and_of_identity_says_why_it_exists() {
    let (mut broken, mut count) = (Vec::new(), 0);
    for source in sources("src").into_iter().filter(is_kernel_or_identity) {
        let (fields, all) = fields(&source.text);
        count += all;
        broken.extend(fields.into_iter().map(|field| format!("{}: {field}", source.path)));
    }
    assert!(count > 300, "the fields are found, not {count}");
    assert_none("a field has a sentence of its own", broken);
}

#[test]
fn no_doc_of_three_words_restates_its_name() {
    let broken = sources("src").into_iter().flat_map(|source| {
        let short = short_docs(&source.text).into_iter();
        short.map(|(line, doc)| format!("{}:{line}: {doc}", source.path)).collect::<Vec<_>>()
    });
    assert_none("a doc says unit, owner, invariant or reason", broken);
}

#[test]
fn fields_are_told_from_other_lines() {
    let text = "struct One<T>\nwhere\n    T: Copy,\n{\n    pub(super) bare: T,\n    /// Too short.\n    short: T,\n\
                /// Has a good reason.\n    #[serde(\n        skip\n    )]\n    good: u8,\n}\n\
                enum Two {\n    Inline { a: u8 },\n    Tuple(u8),\n    Long {\n        b: u8,\n    },\n}\n\
                fn run() {\n    let literal: u8 = 1;\n    One {\n        bare: 1,\n    }\n}\n\
                #[cfg(test)]\nmod tests {\n    struct Three {\n        c: u8,\n    }\n}\n";
    let expected = ["pub(super) bare: T,", "short: T,", "Inline { a: u8 },", "b: u8,"];
    assert_eq!(fields(text), (expected.to_vec(), 5));
}

#[test]
fn short_docs_are_told_from_output() {
    let text = "//! Short.\n//!\n//! Goes on well.\n\n/// A name.\nfn name() {}\n\
                #[derive(Debug, Object)]\nstruct Body {\n    /// Its field.\n    field: u8,\n}\n\
                #[OpenApi]\nimpl Body {\n    /// Get\n    fn get() {}\n}\n";
    assert_eq!(short_docs(text), [(6, " A name. | fn name() {}".to_owned())]);
}
