//! The table of variables as `--help` and `docs/configuration.md` show it.

use super::variables::{VARIABLES, Variable};

/// Longest line of `--help`, in characters.
const WIDTH: usize = 100;
/// Indentation of the names.
const INDENT: usize = 2;
/// Gap between the longest name and the meanings.
const GAP: usize = 2;

/// Table for `--help`: names on the left, meanings and defaults on the right, wrapped.
pub fn help() -> String {
    let longest = VARIABLES.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
    let rows = VARIABLES.iter().flat_map(|variable| help_lines(variable, longest + GAP));
    std::iter::once("Environment variables:\n".to_owned()).chain(rows).collect()
}

/// Lines of one variable, with its meaning `column` characters to the right of its name.
fn help_lines(variable: &Variable, column: usize) -> Vec<String> {
    let Variable { name, alias, default, meaning } = variable;
    let alias = alias.map(|alias| format!(" Also {alias}.")).unwrap_or_default();
    let (text, default) =
        (format!("{meaning}{alias}").replace('`', ""), format!("[default: {default}]"));
    let names = std::iter::once(*name).chain(std::iter::repeat(""));
    wrap(text.split_whitespace().chain([default.as_str()]), WIDTH - INDENT - column)
        .into_iter()
        .zip(names)
        .map(|(line, name)| format!("{:INDENT$}{name:column$}{line}\n", ""))
        .collect()
}

/// Table for `docs/configuration.md`, in Markdown.
pub fn markdown_table() -> String {
    let head = "| variable | default | meaning |\n|---|---|---|\n".to_owned();
    std::iter::once(head).chain(VARIABLES.iter().map(markdown_row)).collect()
}

fn markdown_row(variable: &Variable) -> String {
    let names: Vec<_> = variable.names().map(|name| format!("`{name}`")).collect();
    let quote = if variable.has_literal_default() { "`" } else { "" };
    let (default, meaning) = (variable.default, variable.meaning);
    format!("| {} | {quote}{default}{quote} | {meaning} |\n", names.join(" or "))
}

/// Wraps words into lines of at most `width` characters.
fn wrap<'a>(words: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_variable_and_fits_its_width() {
        let help = help();
        for name in VARIABLES.iter().flat_map(Variable::names) {
            assert!(help.contains(name), "{name}");
        }
        for line in help.lines() {
            assert!(line.len() <= WIDTH, "{line}");
            assert_eq!(line, line.trim_end());
        }
    }

    #[test]
    fn the_markdown_table_has_one_row_of_three_cells_for_every_variable() {
        let table = markdown_table();
        assert_eq!(table.lines().count(), VARIABLES.len() + 2);
        for row in table.lines() {
            assert_eq!(row.matches('|').count(), 4, "{row}");
        }
        assert!(table.contains("| `KEYFOLD_SECRET` or `BETTER_AUTH_SECRET` | made and kept"));
    }
}
