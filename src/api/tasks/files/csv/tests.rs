//! Tables as different spreadsheets write them, and halves of tables.

use super::*;
use crate::tasks::values::Priority;

fn milk() -> PortableTask {
    PortableTask {
        title: "Milk".to_owned(),
        due: Some("2026-12-24".to_owned()),
        completed: Some(true),
        priority: Priority::High,
        tags: vec!["home".to_owned(), "Práce".to_owned()],
        ..PortableTask::default()
    }
}

fn bread() -> PortableTask {
    PortableTask { title: "Bread, \"dark\"".to_owned(), ..PortableTask::default() }
}

const TABLE: &str = "title,due,completed,priority,tags\n\
                     Milk,2026-12-24,true,high,home;Práce\n\
                     \"Bread, \"\"dark\"\"\",,,,\n";

/// Table with other separators than commas.
fn separated_by(separator: char) -> String {
    let separator = separator.to_string();
    let milk = ["Milk", "2026-12-24", "TRUE", "High", "\"home;Práce\""].join(&separator);
    let bread = ["\"Bread, \"\"dark\"\"\"", "", "", "", ""].join(&separator);
    let names = ["title", "due", "completed", "priority", "tags"].join(&separator);
    [names, milk, bread].join("\r\n")
}

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(order).collect()
}

#[test]
fn a_table_is_read_however_a_spreadsheet_writes_it() {
    let named = |names: &str| TABLE.replacen("title,due,completed,priority,tags", names, 1);
    for table in [
        TABLE.to_owned(),
        TABLE.replace('\n', "\r\n"),
        TABLE.replace('\n', "\r"),
        TABLE.trim_end().to_owned(),
        format!("\u{feff}{TABLE}"),
        separated_by(';'),
        separated_by('\t'),
        format!("sep=;\r\n{}", separated_by(';')),
        format!("\u{feff}SEP=|\n{}", separated_by('|')),
        format!("\"sep=,\"\n{TABLE}"),
        named("Title,DUE, Completed ,priority,Tags"),
        named("\"title\",due,completed,priority,tags"),
        named("title,due,completed,priority,tags,,"),
        TABLE.replace('\n', "\n,,,,\n"),
        TABLE.replace('\n', "\n , ,,\t,\n\n"),
        TABLE.replace("dark\"\"\",,,,", "dark\"\"\",,,,,,,"),
        TABLE.replace("true,high", " TRUE , High "),
    ] {
        assert_eq!(read(table.as_bytes()), Ok(vec![milk(), bread()]), "{table:?}");
    }
    let wide = [
        wide(TABLE, u16::to_le_bytes),
        wide(TABLE, u16::to_be_bytes),
        wide(&separated_by('\t'), u16::to_le_bytes),
    ];
    for table in wide {
        assert_eq!(read(&table), Ok(vec![milk(), bread()]), "{table:?}");
    }
}

#[test]
fn names_of_columns_of_several_words_are_known_however_they_are_spaced() {
    for names in ["completedAt,title", "Completed at,TITLE", "completed_at;Title"] {
        let separator = if names.contains(';') { ";" } else { "," };
        let table = format!("{names}\n2026-12-24T18:00:00Z{separator}Milk\n");
        let milk = PortableTask {
            title: "Milk".to_owned(),
            completed_at: Some("2026-12-24T18:00:00Z".to_owned()),
            ..PortableTask::default()
        };
        assert_eq!(read(table.as_bytes()), Ok(vec![milk]), "{names}");
    }
}

#[test]
fn half_a_table_and_one_that_loses_something_are_refused_with_what_to_do() {
    let columns = "is no column: there are id, title, description, completed, completedAt, priority, due, \
                   tags, position, createdAt, updatedAt";
    let no_utf8 = "is not UTF-8: save the table as “CSV UTF-8” (line 2)";
    let unclosed = "ends within quotes: the file is not complete (line 2)";
    for (table, field, flaw, message) in [
        (&b""[..], "title", Flaw::Missing, "is missing among the columns"),
        (b"\n\n", "title", Flaw::Missing, "is missing among the columns"),
        (b"title\n\"Milk", "tasks[0]", Flaw::Invalid, unclosed),
        (b"title\n\"Milk\nBread\n", "tasks[0]", Flaw::Invalid, unclosed),
        (b"title\n\"Milk\"\"", "tasks[0]", Flaw::Invalid, unclosed),
        (
            b"title,due\nMilk,\nBre",
            "tasks[1]",
            Flaw::Invalid,
            "has 1 columns instead of 2 (line 3)",
        ),
        (
            b"title,\nMilk,lost\n",
            "tasks[0]",
            Flaw::Invalid,
            "has a text in a column without a name (line 2)",
        ),
        (b"due\n2026-12-24\n", "title", Flaw::Missing, "is missing among the columns"),
        (b"title;due;Title\n", "title", Flaw::Duplicate, "appears more than once"),
        (b"title,colour\n", "colour", Flaw::UnknownColumn, columns),
        (b"title\nKup ml\xe9ko\n", "tasks", Flaw::Invalid, no_utf8),
        (b"\xff\xfet\0i\0t\0", "tit", Flaw::UnknownColumn, columns),
        (
            b"\xff\xfet\0\n\0\0",
            "tasks",
            Flaw::Invalid,
            "is not UTF-8: save the table as “CSV UTF-8” (line 1)",
        ),
    ] {
        let refused = Problem::field(field, flaw, message);
        assert_eq!(read(table), Err(refused), "{:?}", String::from_utf8_lossy(table));
    }
}

#[test]
fn what_stands_in_the_middle_of_a_table_is_not_its_end() {
    let table = "title\nMilk\n\u{1e}\nBread\n";
    let titles = read(table.as_bytes()).unwrap().into_iter().map(|task| task.title);
    assert_eq!(titles.collect::<Vec<_>>(), ["Milk", "\u{1e}", "Bread"]);
}
