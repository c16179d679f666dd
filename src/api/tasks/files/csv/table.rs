//! Parser of tables as spreadsheets write them.
//!
//! The first line has the names of the columns, in any order, case and spacing. Cells are separated by commas, semicolons
//! or tabulators: by the one that gives the first line the most known names, or by the one in a line `sep=;` before it. The
//! text is UTF-8, or UTF-16 with a byte-order mark. Rows without any text are skipped.
//!
//! An incomplete file is refused: one that ends within quotes, and a row that has fewer cells than there are columns.

use std::borrow::Cow;
use std::io::Read;

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;

/// Separators of cells, unless a table names its own.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// Row read after the last one: in a file that ends within quotes, it becomes part of a cell.
const END: &str = "\n\u{1e}";

/// Columns of a table, by their names.
pub(super) struct ColumnNames {
    /// Name of each column; `None` for one without a name.
    names: Vec<Option<&'static str>>,
}

/// A row of a table, whose cells are found by the names of their columns.
pub(super) struct TableRow<'a> {
    /// Names by which cells are found.
    columns: &'a ColumnNames,
    /// Texts of the row, in the order of the columns.
    cells: &'a StringRecord,
}

impl TableRow<'_> {
    /// Text in the column of a name, if there is any.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let index = self.columns.names.iter().position(|column| *column == Some(name))?;
        self.cells.get(index).filter(|text| !text.is_empty())
    }
}

/// Reads every row of a table with `read`, until there are `most` of them. All columns must have `known` names, and one of
/// them the `needed` one.
pub(super) fn rows<T>(
    file: &[u8],
    (known, needed): (&[&'static str], &'static str),
    most: usize,
    read: impl Fn(TableRow<'_>, usize) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    let text = decoded(file)?;
    let (separator, table) = separated(&text, known);
    let reader = reader(separator, table.as_bytes().chain(END.as_bytes()));
    let mut rows = reader.into_records().map_while(Result::ok).peekable();
    let columns = match rows.next() {
        Some(names) if !is_end(&names) => ColumnNames::of(&names, known, needed)?,
        Some(_) | None => return Err(missing(needed)),
    };
    let mut tasks = Vec::new();
    while let Some(cells) = rows.next() {
        let index = tasks.len();
        if index == most || (is_end(&cells) && rows.peek().is_none()) {
            return Ok(tasks);
        }
        if rows.peek().is_none() {
            return Err(wrong(index, &cells, UNCLOSED));
        }
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        columns.require_fit(&cells).map_err(|message| wrong(index, &cells, &message))?;
        tasks.push(read(TableRow { columns: &columns, cells: &cells }, index)?);
    }
    Ok(tasks)
}

const UNCLOSED: &str = "ends within quotes: the file is not complete";
const NO_UTF8: &str = "is not UTF-8: save the table as “CSV UTF-8”";

fn reader<R: Read>(separator: u8, table: R) -> Reader<R> {
    ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(table)
}

fn missing(column: &str) -> Problem {
    Problem::field(column, Flaw::Missing, "is missing among the columns")
}

fn is_end(cells: &StringRecord) -> bool {
    cells.len() == 1 && cells.get(0) == Some(END.trim_start())
}

/// Error of a row, with the line on which the user finds it.
fn wrong(index: usize, cells: &StringRecord, message: &str) -> Problem {
    let line = cells.position().map_or(String::new(), |place| format!(" (line {})", place.line()));
    Problem::field(format!("tasks[{index}]"), Flaw::Invalid, format!("{message}{line}"))
}

/// Decoded text of a file.
fn decoded(file: &[u8]) -> Result<Cow<'_, str>, Problem> {
    let wide = |order: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let (units, rest) = bytes.as_chunks::<2>();
        let text = String::from_utf16(&units.iter().map(|unit| order(*unit)).collect::<Vec<_>>());
        text.ok().filter(|_| rest.is_empty()).map(Cow::Owned)
    };
    let text = match file {
        [0xff, 0xfe, rest @ ..] => wide(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => wide(u16::from_be_bytes, rest),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => str::from_utf8(rest).ok().map(Cow::Borrowed),
    };
    text.ok_or_else(|| {
        let line = file.utf8_chunks().next().map_or(1, |chunk| chunk.valid().split('\n').count());
        Problem::field("tasks", Flaw::Invalid, format!("{NO_UTF8} (line {line})"))
    })
}

/// Separator of a table's cells, and the table after a line that names it.
fn separated<'a>(text: &'a str, known: &[&'static str]) -> (u8, &'a str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let said = first.trim_end_matches('\r').trim_matches('"');
    let said = said.get(..4).filter(|begin| begin.eq_ignore_ascii_case("sep=")).map(|_| said);
    if let Some([separator @ (b' '..=b'~' | b'\t')]) =
        said.and_then(|said| said.as_bytes().get(4..))
    {
        return (*separator, rest);
    }
    let fits = |separator: &u8| {
        let mut cells = StringRecord::new();
        let _ = reader(*separator, text.as_bytes()).read_record(&mut cells);
        cells.iter().filter(|name| matching(name, known).is_some()).count()
    };
    // In a tie the last one wins: a comma, if no name is known.
    let best = SEPARATORS.into_iter().rev().max_by_key(fits);
    (best.unwrap_or(b','), text)
}

/// Known name of a column: `Completed at` and `completed_at` are `completedAt`.
fn matching(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let letters = |name: &str| -> String {
        let letters = name.chars().filter(|character| character.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let name = letters(name);
    known.iter().copied().find(|known| letters(known) == name)
}

impl ColumnNames {
    /// Checks that all columns are known, each at most once, and that the needed one is among them.
    fn of(
        cells: &StringRecord,
        known: &[&'static str],
        needed: &'static str,
    ) -> Result<Self, Problem> {
        let mut names = Vec::with_capacity(cells.len());
        for cell in cells {
            let name = matching(cell, known);
            if name.is_none() && !cell.trim().is_empty() {
                let message = format!("is no column: there are {}", known.join(", "));
                return Err(Problem::field(cell, Flaw::UnknownColumn, message));
            }
            if let Some(name) = name.filter(|name| names.contains(&Some(*name))) {
                return Err(Problem::field(name, Flaw::Duplicate, "appears more than once"));
            }
            names.push(name);
        }
        if !names.contains(&Some(needed)) {
            return Err(missing(needed));
        }
        Ok(Self { names })
    }

    /// Requires a cell for each column, and no text outside of them.
    fn require_fit(&self, cells: &StringRecord) -> Result<(), String> {
        let is_named = |index: usize| self.names.get(index).is_some_and(Option::is_some);
        let lost = |(index, cell): (usize, &str)| !is_named(index) && !cell.trim().is_empty();
        let needed = self.names.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        if cells.len() < needed {
            Err(format!("has {} columns instead of {needed}", cells.len()))
        } else if cells.iter().enumerate().any(lost) {
            Err("has a text in a column without a name".to_owned())
        } else {
            Ok(())
        }
    }
}
