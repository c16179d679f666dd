//! Tests of the pages of a list.

use super::*;
use crate::tasks::task_list::task::Content;
use crate::tasks::testing::{at, content, id, note, tags, version};
use crate::tasks::values::{Due, TaskId};

fn task(number: u8, change: impl FnOnce(&mut Content)) -> Arc<Task> {
    let mut content = content(&format!("task {number}"), 10 - number);
    content.description = Some(note("Für MORGEN"));
    change(&mut content);
    let times = (at(i64::from(number)), at(100 - i64::from(number)));
    Arc::new(Task::new(id(u128::from(number)), content, times, version(1)))
}

fn cursor(place: CursorPosition<'static>) -> Cursor {
    Cursor { version: version(1), place }
}

fn done(content: &mut Content) {
    content.completed_at = Some(at(50));
}

fn due(text: &str) -> Due {
    text.parse().unwrap()
}

fn list() -> OrderedTasks {
    [
        task(1, |task| task.priority = Priority::Low),
        task(2, |task| (done(task), task.due = Some(due("2026-12-24"))).1),
        task(3, |task| (done(task), task.tags = tags(&["Home", "shop"])).1),
        task(4, |task| task.priority = Priority::High),
        task(5, |task| task.due = Some(due("2026-12-23T10:00+01:00"))),
    ]
    .into_iter()
    .collect()
}

fn numbers(page: &Page<'_>) -> Vec<u128> {
    page.tasks.iter().map(|task| task.id.uuid().as_u128()).collect()
}

fn some(limit: usize) -> Query {
    Query { limit, ..Query::default() }
}

fn sorted(sort: Sort, order: Order) -> Query {
    Query { sort, order, ..Query::default() }
}

fn found(filter: Filter) -> Vec<u128> {
    numbers(&page(&list(), &Query { filter, ..Query::default() }))
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat_in_every_order() {
    let list = list();
    for sort in [Sort::Created, Sort::Updated, Sort::Due, Sort::Priority, Sort::Position] {
        for order in [Order::Asc, Order::Desc] {
            let whole = numbers(&page(&list, &sorted(sort, order)));
            let (mut paged, mut query) = (Vec::new(), Query { limit: 2, ..sorted(sort, order) });
            loop {
                let page = page(&list, &query);
                assert_eq!(page.total, 5);
                paged.extend(numbers(&page));
                match page.next {
                    Some(next) => query.after = Some(cursor(next)),
                    None => break,
                }
            }
            assert_eq!(paged, whole, "{sort:?} {order:?}");
        }
    }
}

#[test]
fn a_list_is_sorted_by_what_is_asked_for() {
    let list = list();
    let found = |sort, order| numbers(&page(&list, &sorted(sort, order)));
    assert_eq!(found(Sort::Created, Order::Asc), [1, 2, 3, 4, 5]);
    assert_eq!(found(Sort::Created, Order::Desc), [5, 4, 3, 2, 1]);
    assert_eq!(found(Sort::Updated, Order::Asc), [5, 4, 3, 2, 1]);
    assert_eq!(found(Sort::Position, Order::Asc), [5, 4, 3, 2, 1]);
    assert_eq!(found(Sort::Priority, Order::Desc), [4, 1, 5, 3, 2]);
    assert_eq!(found(Sort::Priority, Order::Asc), [2, 3, 5, 1, 4]);
}

#[test]
fn what_is_not_due_comes_last_in_either_order() {
    let list = list();
    let found = |order| numbers(&page(&list, &sorted(Sort::Due, order)));
    assert_eq!(found(Order::Asc), [5, 2, 1, 3, 4]);
    assert_eq!(found(Order::Desc), [2, 5, 4, 3, 1]);
}

#[test]
fn a_cursor_stays_right_when_its_task_is_deleted_or_changed() {
    let mut list = list();
    let first = page(&list, &some(2)).next.map(cursor);
    list.remove(id(2));
    assert_eq!(numbers(&page(&list, &Query { after: first, ..some(10) })), [3, 4, 5]);

    let query = Query { limit: 1, ..sorted(Sort::Priority, Order::Desc) };
    let cursor = page(&list, &query).next.map(cursor);
    list.insert(task(4, |task| task.priority = Priority::Low));
    let rest = Query { after: cursor, limit: 10, ..query };
    // Tasks that did not change come once; the changed one comes at its present place.
    assert_eq!(numbers(&page(&list, &rest)), [4, 1, 5, 3]);
}

#[test]
fn the_filter_counts_all_pages_and_the_counts_tell_open_from_completed() {
    let list = list();
    let done = page(&list, &Query { completed: Some(true), ..some(1) });
    let counts = Counts { open: 3, completed: 2 };
    assert_eq!((numbers(&done), done.total, done.counts), (vec![2], 2, counts));
    assert_eq!(page(&list, &some(1)).counts, counts);
    let filter = Filter { priorities: vec![Priority::Low, Priority::High], ..Filter::default() };
    let urgent = page(&list, &Query { filter, ..some(10) });
    assert_eq!((numbers(&urgent), urgent.counts), (vec![1, 4], Counts { open: 2, completed: 0 }));
}

#[test]
fn all_tags_are_wanted_whatever_their_case() {
    let tagged = |tags: &[&str]| {
        let tags = tags.iter().map(|tag| search::folded(tag)).collect();
        found(Filter { tags, ..Filter::default() })
    };
    assert_eq!(tagged(&["home", "SHOP"]), [3]);
    assert_eq!(tagged(&["home", "work"]), [0_u128; 0]);
}

#[test]
fn a_range_of_due_dates_includes_its_ends_and_nothing_that_is_not_due() {
    let within = |from: Option<&str>, until: Option<&str>| {
        let bound = |text: &str| due(text).bound();
        let (due_from, due_until) = (from.map(bound), until.map(bound));
        found(Filter { due_from, due_until, ..Filter::default() })
    };
    assert_eq!(within(Some("2026-12-23"), Some("2026-12-24")), [2, 5]);
    assert_eq!(within(Some("2026-12-24"), None), [2]);
    assert_eq!(within(None, Some("2026-12-23T09:00Z")), [5]);
    assert_eq!(within(None, Some("2026-12-23T08:59Z")), [0_u128; 0]);
}

#[test]
fn the_search_looks_into_title_and_description_whatever_case_and_accents() {
    let search = |text: &str| found(Filter::default().containing(Some(text)));
    assert_eq!(search("TASK 3"), [3]);
    assert_eq!(search("fur morgen"), [1, 2, 3, 4, 5]);
    assert_eq!(search("FÜR"), [1, 2, 3, 4, 5]);
    assert_eq!(search("beer"), [0_u128; 0]);
    assert_eq!(search(""), [1, 2, 3, 4, 5]);
}

#[test]
fn everything_together_is_what_passes_each_filter() {
    let filter = Filter { tags: vec!["shop".to_owned()], ..Filter::default() };
    let query = Query { completed: Some(true), filter: filter.containing(Some("3")), ..some(10) };
    let list = list();
    let page = page(&list, &query);
    let ids: Vec<TaskId> = page.tasks.iter().map(|task| task.id).collect();
    assert_eq!((ids, page.next, page.total), (vec![id(3)], None, 1));
}
