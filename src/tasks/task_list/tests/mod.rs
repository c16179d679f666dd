//! The rules of a task list, as given / when / then.

mod moving;
mod restoring;
mod undo;

use super::command::MAX_TASKS;
use super::command::{Destination, ImportedId, ImportedTask, New, Restore, TaskDraft, TaskUpdate};
use super::task::{Content, Fields};
use super::*;
use crate::eventlog::Mark;
use crate::eventlog::model::testing::{assert_golden, given, replay};
use crate::tasks::events::{Imported, Step, TaskChanged, TaskDeleted, TaskRestored};
use crate::tasks::testing::{
    at, content, creation, draft, id, note, position, stamp, tags, title, version,
};
use crate::tasks::values::Priority;

const MILK: u128 = 1;
const BREAD: u128 = 2;

/// Step of an event whose change lies on top of another one.
fn on(first: i64, last: i64) -> Step {
    Step { below: Some(Span(first, last)), ..Step::default() }
}

fn further() -> Step {
    Step { further: true, ..Step::default() }
}

fn created(number: u128, steps: u8, step: Step) -> TaskEvent {
    TaskEvent::Created(TaskCreated {
        task_id: id(number),
        task: content("milk", steps),
        imported: None,
        previous: None,
        at: at(0),
        mark: Mark::default(),
        step,
    })
}

fn changed(number: u128, before: Fields, after: Fields, previous: i64, step: Step) -> TaskEvent {
    TaskEvent::Changed(TaskChanged {
        task_id: id(number),
        before,
        after,
        previous,
        at: at(9),
        mark: Mark::default(),
        step,
    })
}

fn completed(previous: i64, step: Step) -> TaskEvent {
    let before = Fields { completed_at: Some(None), ..Fields::default() };
    let after = Fields { completed_at: Some(Some(at(9))), ..Fields::default() };
    changed(MILK, before, after, previous, step)
}

fn deleted(number: u128, previous: i64, step: Step) -> TaskEvent {
    TaskEvent::Deleted(TaskDeleted {
        task_id: id(number),
        task: content("milk", 0),
        created_at: at(0),
        previous,
        at: at(9),
        mark: Mark::default(),
        step,
    })
}

/// Milk and bread, each added by a command of its own.
fn both() -> [TaskEvent; 2] {
    [created(MILK, 0, Step::default()), created(BREAD, 1, on(1, 1))]
}

fn change(number: u128, wanted: TaskUpdate) -> Action {
    Action::Change { id: id(number), wanted, expected: None }
}

fn complete() -> Action {
    change(MILK, TaskUpdate { completed: Some(true), ..TaskUpdate::default() })
}

fn delete(number: u128) -> Action {
    Action::Delete { id: id(number), expected: None }
}

fn relocate(number: u128, place: Destination) -> Action {
    Action::Move { id: id(number), place, expected: None }
}

fn one(action: Action) -> Command {
    Command::one(action, stamp(9))
}

fn all(actions: impl IntoIterator<Item = Action>) -> Command {
    Command::Change { actions: actions.into_iter().collect(), expected: None, stamp: stamp(9) }
}

fn rejected(action: usize, refusal: Refusal) -> Rejection {
    refusal.of(action)
}

/// Decides a command and applies its events.
fn carry_out(state: State, command: Command) -> (State, Vec<TaskEvent>) {
    let events = TaskList::decide(&state, command).unwrap();
    let state = events.iter().fold(state, TaskList::evolve);
    (state, events)
}

fn in_order(state: &State) -> Vec<u128> {
    let mut tasks: Vec<_> = state.tasks.iter().collect();
    tasks.sort_by(|one, other| one.position.cmp(&other.position));
    tasks.into_iter().map(|task| task.id.uuid().as_u128()).collect()
}

#[test]
fn a_task_is_created_with_the_id_it_was_offered_at_the_end_of_the_order() {
    given::<TaskList>([]).when(creation(MILK, "milk")).then([created(MILK, 0, Step::default())]);
    given::<TaskList>([created(MILK, 0, Step::default())])
        .when(creation(BREAD, "milk"))
        .then([created(BREAD, 1, on(1, 1))]);
}

#[test]
fn a_new_task_gets_a_larger_id_than_every_task_before_it() {
    let history = [created(BREAD, 0, Step::default()), deleted(BREAD, 1, on(1, 1))];
    given::<TaskList>(history)
        .when(creation(MILK, "milk"))
        .then([created(BREAD + 1, 1, on(2, 2)).at_nine()]);
}

#[test]
fn a_task_is_done_once_and_remembers_when() {
    let milk = created(MILK, 0, Step::default());
    given::<TaskList>([milk.clone()]).when(one(complete())).then([completed(1, on(1, 1))]);
    given::<TaskList>([milk, completed(1, on(1, 1))]).when(one(complete())).then([]);
}

#[test]
fn only_what_differs_is_changed_and_what_it_was_is_told() {
    let wanted = Fields {
        title: Some(title("milk")),
        description: Some(Some(note("two litres"))),
        priority: Some(Priority::High),
        due: Some(Some("2026-12-24".parse().unwrap())),
        tags: Some(tags(&["home"])),
        ..Fields::default()
    };
    let before = Fields {
        description: Some(None),
        priority: Some(Priority::None),
        due: Some(None),
        tags: Some(tags(&[])),
        ..Fields::default()
    };
    let after = Fields { title: None, ..wanted.clone() };
    given::<TaskList>([created(MILK, 0, Step::default())])
        .when(one(change(MILK, TaskUpdate { fields: wanted, completed: Some(false) })))
        .then([changed(MILK, before, after, 1, on(1, 1))]);
}

#[test]
fn what_is_not_in_the_list_can_be_neither_changed_nor_moved_nor_deleted() {
    let missing = rejected(0, Refusal::NoSuchTask);
    for action in [complete(), delete(MILK), relocate(MILK, Destination::After(id(BREAD)))] {
        given::<TaskList>([]).when(one(action)).then_rejected(&missing);
    }
    given::<TaskList>([created(MILK, 0, Step::default())])
        .when(one(relocate(MILK, Destination::After(id(BREAD)))))
        .then_rejected(&rejected(0, Refusal::NoSuchNeighbour(Destination::After(id(BREAD)))));
}

#[test]
fn a_list_takes_as_many_tasks_as_fit_and_no_more() {
    let mut state = State::default();
    let many = (1..=MAX_TASKS as u128).map(|number| {
        Action::Create(New { id: id(number), draft: draft("milk"), completed: false })
    });
    state = carry_out(state, all(many)).0;
    assert_eq!(state.tasks.len(), MAX_TASKS);
    let refused = TaskList::decide(&state, creation(MILK, "milk"));
    assert_eq!(refused, Err(rejected(0, Refusal::ListFull)));
}

#[test]
fn the_actions_of_a_command_are_carried_out_in_order_as_one_change() {
    given::<TaskList>([created(MILK, 0, Step::default())])
        .when(all([complete(), delete(MILK)]))
        .then([
            completed(1, on(1, 1)),
            TaskEvent::Deleted(TaskDeleted {
                task_id: id(MILK),
                task: Content { completed_at: Some(at(9)), ..content("milk", 0) },
                created_at: at(0),
                previous: 2,
                at: at(9),
                mark: Mark::default(),
                step: further(),
            }),
        ]);
}

#[test]
fn one_refused_action_refuses_the_command_and_is_named() {
    given::<TaskList>([created(MILK, 0, Step::default())])
        .when(all([complete(), delete(BREAD), delete(MILK)]))
        .then_rejected(&rejected(1, Refusal::NoSuchTask));
}

#[test]
fn a_task_that_has_changed_since_is_left_alone_and_shown() {
    let history = [created(MILK, 0, Step::default()), completed(1, on(1, 1))];
    let current = Arc::clone(replay::<TaskList>(history.clone()).tasks.get(id(MILK)).unwrap());
    let expecting = |versions: &[Point]| {
        one(Action::Delete { id: id(MILK), expected: Some(versions.to_vec()) })
    };
    given::<TaskList>(history.clone())
        .when(expecting(&[version(1)]))
        .then_rejected(&rejected(0, Refusal::TaskIsNewer(Arc::clone(&current))));
    let of_another_history = Point::new(2, "Zk3x_9Qa".parse().unwrap());
    given::<TaskList>(history.clone())
        .when(expecting(&[of_another_history]))
        .then_rejected(&rejected(0, Refusal::TaskIsNewer(current)));
    let either = expecting(&[version(1), version(2)]);
    assert!(TaskList::decide(&replay::<TaskList>(history), either).is_ok());
}

#[test]
fn a_list_that_has_changed_since_is_left_alone() {
    let expecting = |version| Command::Change {
        actions: [delete(MILK)].into(),
        expected: Some(vec![version]),
        stamp: stamp(9),
    };
    let of_another_history = Point::new(2, "Zk3x_9Qa".parse().unwrap());
    for other in [version(1), of_another_history] {
        given::<TaskList>(both())
            .when(expecting(other))
            .then_rejected(&rejected(0, Refusal::ListIsNewer));
    }
    given::<TaskList>(both()).when(expecting(version(2))).then([deleted(MILK, 1, on(2, 2))]);
}

#[test]
fn time_does_not_run_backwards_in_a_list() {
    let state = replay::<TaskList>([created(MILK, 0, Step::default()), completed(1, on(1, 1))]);
    let late = Command::one(delete(MILK), stamp(4));
    assert_eq!(TaskList::decide(&state, late).unwrap()[0].at(), at(9));
}

#[test]
fn a_snapshot_is_the_state_it_was_taken_of() {
    let state = replay::<TaskList>([
        created(MILK, 0, Step::default()),
        completed(1, on(1, 1)),
        created(BREAD, 1, on(2, 2)),
        deleted(BREAD, 3, on(3, 3)),
    ]);
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
}

#[test]
fn events_are_written_as_the_golden_files_say() {
    let full = Content {
        title: title("Buy milk"),
        description: Some(note("Two litres")),
        completed_at: Some(at(9)),
        priority: Priority::High,
        due: Some("2026-12-24T18:00:00+01:00".parse().unwrap()),
        tags: tags(&["home", "shop"]),
        position: position(1),
    };
    let imported = Some(Imported { created_at: at(3), updated_at: at(6) });
    let step = Step {
        further: false,
        deed: EditKind::Redo,
        below: Some(Span(1, 2)),
        next: Some(Span(5, 5)),
    };
    assert_golden(&[
        TaskEvent::Created(TaskCreated {
            task_id: id(MILK),
            task: full.clone(),
            imported,
            previous: Some(3),
            at: at(9),
            mark: Mark::default(),
            step,
        }),
        changed(
            MILK,
            Fields { description: Some(None), ..Fields::all(full.clone()) },
            Fields { due: Some(None), ..Fields::all(full.clone()) },
            2,
            further(),
        ),
        TaskEvent::Deleted(TaskDeleted {
            task_id: id(MILK),
            task: full.clone(),
            created_at: at(0),
            previous: 2,
            at: at(9),
            mark: Mark::default(),
            step: Step { deed: EditKind::Undo, ..further() },
        }),
        TaskEvent::Restored(TaskRestored {
            task_id: id(MILK),
            task: full,
            created_at: at(0),
            previous: 4,
            at: at(9),
            mark: Mark::default(),
            step: on(4, 4),
        }),
    ]);
}

impl TaskEvent {
    /// As the event itself, but a creation is moved to the time of most commands.
    fn at_nine(self) -> Self {
        match self {
            Self::Created(event) => Self::Created(TaskCreated { at: at(9), ..event }),
            other @ (Self::Changed(_) | Self::Deleted(_) | Self::Restored(_)) => other,
        }
    }
}
