//! The rules of a task list, given / when / then.

use uuid::Uuid;

use super::*;
use crate::eventlog::testing::{assert_golden, given, replay};

const MILK: u128 = 1;
const BREAD: u128 = 2;

fn id(number: u128) -> TaskId {
    TaskId::from_uuid(Uuid::from_u128(number))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

fn title(text: &str) -> Title {
    Title::parse(text).unwrap()
}

fn note(text: &str) -> Description {
    Description::parse(text).unwrap()
}

fn creation(number: u128) -> TaskCreated {
    TaskCreated {
        task_id: id(number),
        title: title("milk"),
        description: Some(note("two litres")),
        completed: false,
        created_at: at(0),
    }
}

fn created(number: u128) -> TaskEvent {
    TaskEvent::Created(creation(number))
}

fn unchanged(number: u128) -> TaskChanged {
    TaskChanged {
        task_id: id(number),
        title: None,
        description: None,
        completed: None,
        changed_at: at(9),
    }
}

fn completed(number: u128) -> TaskEvent {
    TaskEvent::Changed(TaskChanged { completed: Some(true), ..unchanged(number) })
}

fn deleted(number: u128) -> TaskEvent {
    TaskEvent::Deleted(TaskDeleted { task_id: id(number), deleted_at: at(9) })
}

fn keep(number: u128) -> Change {
    Change { task_id: id(number), title: None, description: None, completed: None, now: at(9) }
}

fn complete(number: u128) -> Command {
    Command::Change(Change { completed: Some(true), ..keep(number) })
}

#[test]
fn a_task_is_created_with_the_id_it_was_offered() {
    given::<TaskList>([]).when(Command::Create(creation(MILK))).then([created(MILK)]);
}

#[test]
fn ids_grow_in_order_of_creation_even_when_a_clock_runs_behind() {
    given::<TaskList>([created(10)]).when(Command::Create(creation(3))).then([created(11)]);
    given::<TaskList>([created(10), deleted(10)])
        .when(Command::Create(creation(10)))
        .then([created(11)]);
}

#[test]
fn a_full_list_takes_no_further_task() {
    let full = (1..=MAX_TASKS as u128).map(created);
    given::<TaskList>(full)
        .when(Command::Create(creation(MILK)))
        .then_rejected(&Rejection::ListFull);
}

#[test]
fn a_change_records_only_what_changed() {
    let change = Change {
        title: Some(title("milk")),
        description: Some(None),
        completed: Some(true),
        ..keep(MILK)
    };
    let changed = TaskChanged { description: Some(None), completed: Some(true), ..unchanged(MILK) };
    given::<TaskList>([created(MILK)])
        .when(Command::Change(change))
        .then([TaskEvent::Changed(changed)]);
}

#[test]
fn a_completed_task_can_be_completed_again_without_a_new_event() {
    given::<TaskList>([created(MILK), completed(MILK)]).when(complete(MILK)).then([]);
}

#[test]
fn a_task_that_is_not_there_can_be_neither_changed_nor_deleted() {
    for history in [vec![], vec![created(BREAD)], vec![created(MILK), deleted(MILK)]] {
        let delete = Command::Delete(TaskDeleted { task_id: id(MILK), deleted_at: at(9) });
        given::<TaskList>(history.clone())
            .when(complete(MILK))
            .then_rejected(&Rejection::NoSuchTask);
        given::<TaskList>(history).when(delete).then_rejected(&Rejection::NoSuchTask);
    }
}

#[test]
fn the_state_after_a_history_is_what_the_events_say() {
    let changed =
        TaskChanged { title: Some(title("oat milk")), description: Some(None), ..unchanged(MILK) };
    let history = [
        created(MILK),
        created(BREAD),
        TaskEvent::Changed(changed),
        completed(MILK),
        deleted(BREAD),
    ];
    let milk = Task {
        id: id(MILK),
        title: title("oat milk"),
        description: None,
        completed: true,
        created_at: at(0),
        updated_at: at(9),
    };
    let expected =
        State { tasks: [Arc::new(milk)].into_iter().collect(), last_id: Some(id(BREAD)) };
    assert_eq!(replay::<TaskList>(history), expected);
}

#[test]
fn a_state_survives_its_snapshot() {
    let state = replay::<TaskList>((1..200).map(created).chain([completed(5), deleted(199)]));
    let snapshot = serde_json::to_vec(&state).unwrap();
    assert_eq!(serde_json::from_slice::<State>(&snapshot).unwrap(), state);
}

#[test]
fn every_history_up_to_length_four_can_be_folded() {
    let alphabet = [created(MILK), created(BREAD), completed(MILK), deleted(MILK), deleted(BREAD)];
    let mut histories: Vec<Vec<TaskEvent>> = vec![vec![]];
    for _ in 0..4 {
        histories = histories
            .into_iter()
            .flat_map(|history| {
                alphabet.iter().map(move |event| [history.clone(), vec![event.clone()]].concat())
            })
            .collect();
        for history in &histories {
            replay::<TaskList>(history.clone());
        }
    }
}

#[test]
fn stored_events_keep_their_shape() {
    let changed = TaskChanged {
        title: Some(title("oat milk")),
        description: Some(None),
        completed: Some(true),
        ..unchanged(MILK)
    };
    assert_golden(&[created(MILK), TaskEvent::Changed(changed), deleted(MILK)]);
}
