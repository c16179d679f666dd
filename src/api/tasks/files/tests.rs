//! Round trips of files: exported tasks are imported unchanged, whatever their texts.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::decoding::read;
use super::encoding::{CHUNK, export, weight};
use super::format::Format;
use crate::base::clock::Timestamp;
use crate::capacity::budget::{Budget, Holder, Purpose};
use crate::eventlog::{Decider, Mark, Published};
use crate::tasks::task_list::TaskList;
use crate::tasks::task_list::command::{Action, Command, Stamp};
use crate::tasks::task_list::task::{Content, Task};
use crate::tasks::testing::{at, position, version};
use crate::tasks::values::{Description, Due, Priority, Tags, TaskId, Title};

/// Text of the characters that files are sensitive to, and of any others.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "\"", "'", ",", ";", "\r", "\n", "\r\n", "\t", "=", "+", "-", "@", "\\", " ", "a", "\u{feff}", "🥛",
        ])
        .prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn titles() -> impl Strategy<Value = Title> {
    text().prop_filter_map("no title", |text| Title::parse(&text).ok())
}

fn descriptions() -> impl Strategy<Value = Description> {
    text().prop_filter_map("no description", |text| Description::parse(&text).ok())
}

fn tags() -> impl Strategy<Value = Tags> {
    prop::collection::vec(text(), 0..4).prop_map(|texts| {
        let fits = |text: &String| Tags::parse(&[text]).is_ok();
        let texts: Vec<_> = texts.into_iter().filter(fits).collect();
        Tags::parse(&texts).unwrap()
    })
}

fn dues() -> impl Strategy<Value = Due> {
    prop::sample::select(vec![
        "0001-01-01",
        "2026-12-24",
        "9999-12-31",
        "2026-12-24T18:00:00.123+05:45",
        "2026-07-24T18:00[Europe/Prague]",
        "2026-12-24T18:00:00Z",
    ])
    .prop_map(|text| text.parse().unwrap())
}

fn priorities() -> impl Strategy<Value = Priority> {
    prop::sample::select(vec![Priority::None, Priority::Low, Priority::Medium, Priority::High])
}

/// Random time, to the millisecond.
fn moments() -> impl Strategy<Value = Timestamp> {
    (-62_000_000_000_000_i64..250_000_000_000_000).prop_map(Timestamp::from_unix_millis)
}

/// Identifier as lists generate them, dated before [`now`].
fn id(number: usize) -> TaskId {
    TaskId::from_uuid(uuid::Uuid::from_u128((7 << 76) | (0x8 << 60) | number as u128))
}

fn now() -> Timestamp {
    at(0)
}

/// A list whose manual order differs from the order of creation.
fn lists() -> impl Strategy<Value = Vec<Task>> {
    let task = (
        (titles(), prop::option::of(descriptions()), prop::option::of(moments())),
        (priorities(), prop::option::of(dues()), tags()),
        (moments(), moments()),
    );
    prop::collection::vec(task, 0..8).prop_map(|tasks| {
        let task = |(number, (texts, (priority, due, tags), times))| {
            let (title, description, completed_at) = texts;
            let position = position(u8::try_from(number * 5 % 8).unwrap());
            let content =
                Content { title, description, completed_at, priority, due, tags, position };
            Task::new(id(number), content, times, version(1))
        };
        tasks.into_iter().enumerate().map(task).collect()
    })
}

/// Whole file of a list.
async fn file(list: Published<TaskList>, format: Format) -> Vec<u8> {
    use futures_util::TryStreamExt;
    let budget = Budget::new(Purpose::Bulk, usize::MAX, usize::MAX);
    let kept = budget.lease(Holder::Node, weight(&list)).unwrap();
    let pieces: Vec<_> = export((Arc::new(list), kept), format).try_collect().await.unwrap();
    pieces.concat()
}

fn published(tasks: &[Task]) -> Published<TaskList> {
    let mut list = Published::<TaskList>::default();
    list.state.tasks = tasks.iter().cloned().map(Arc::new).collect();
    list
}

/// List made by importing a file into an empty one, and true if a second import changes anything.
fn imported(file: &[u8], format: Format) -> (Published<TaskList>, bool) {
    let puts = || read(Bytes::copy_from_slice(file), format, now()).unwrap();
    let actions: Arc<[Action]> = puts().into_iter().map(|put| Action::Put(Box::new(put))).collect();
    let command = || Command::Change {
        actions: Arc::clone(&actions),
        expected: None,
        stamp: Stamp { at: now(), mark: Mark::default() },
    };
    let mut list = Published::<TaskList>::default();
    for event in TaskList::decide(&list.state, command()).unwrap() {
        list.state = TaskList::evolve(list.state, &event);
    }
    let is_changed_again = !TaskList::decide(&list.state, command()).unwrap().is_empty();
    (list, is_changed_again)
}

fn contents(list: &Published<TaskList>) -> Vec<(TaskId, Content, Timestamp, Timestamp)> {
    let tasks = list.state.tasks.iter();
    tasks.map(|task| (task.id, task.content.clone(), task.created_at, task.updated_at)).collect()
}

async fn assert_round_trip(tasks: Vec<Task>, format: Format) {
    let list = published(&tasks);
    let expected = contents(&list);
    let written = file(list, format).await;
    let (again, is_changed_again) = imported(&written, format);
    assert_eq!(contents(&again), expected);
    assert!(!is_changed_again);
    assert_eq!(file(again, format).await, written);
}

fn run(check: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(check);
}

proptest! {
    #[test]
    fn whatever_people_write_survives_a_json_file(tasks in lists()) {
        run(assert_round_trip(tasks, Format::Json));
    }

    #[test]
    fn whatever_people_write_survives_a_csv_file(tasks in lists()) {
        run(assert_round_trip(tasks, Format::Csv));
    }

    #[test]
    fn no_cell_of_a_csv_file_is_taken_for_a_formula(tasks in lists()) {
        run(async {
            let written = file(published(&tasks), Format::Csv).await;
            let mut reader = ::csv::ReaderBuilder::new().from_reader(&*written);
            for line in reader.records() {
                let line = line.unwrap();
                assert!(line.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{line:?}");
            }
        });
    }
}

#[test]
fn a_list_of_several_pieces_is_one_file() {
    for count in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1] {
        let task = |number: usize| {
            let steps = u8::try_from(number % 250).unwrap();
            let content = crate::tasks::testing::content(&format!("task {number}"), steps);
            Task::new(id(number), content, (at(0), at(0)), version(1))
        };
        let tasks: Vec<_> = (0..count).map(task).collect();
        for format in [Format::Json, Format::Csv] {
            run(assert_round_trip(tasks.clone(), format));
        }
    }
}

#[test]
fn a_cell_that_means_its_apostrophes_keeps_them() {
    let title = |cell: &str| {
        let table = format!("title,description\nx,{cell}\n");
        let puts = read(table.into_bytes().into(), Format::Csv, now()).unwrap();
        puts[0].draft.description.as_ref().map(|text| text.as_str().to_owned())
    };
    for (cell, text) in [
        ("", None),
        ("'", Some("")),
        ("''", Some("'")),
        ("'=1", Some("=1")),
        ("''=1", Some("'=1")),
        ("=1", Some("=1")),
        ("'tis", Some("'tis")),
        ("''tis", Some("''tis")),
        ("'-", Some("-")),
    ] {
        assert_eq!(title(cell).as_deref(), text, "{cell}");
    }
}
