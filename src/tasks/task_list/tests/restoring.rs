//! Restored tasks: from the history or from a file.

use super::*;

fn restore(rewinds: bool, deleted: Option<i64>) -> Action {
    Action::Restore(Box::new(Restore {
        id: id(MILK),
        content: content("whole milk", 0),
        created_at: at(0),
        deleted,
        rewinds,
        expected: None,
    }))
}

#[test]
fn a_deleted_task_is_brought_back_where_it_stood() {
    let history = [created(MILK, 0, Step::default()), deleted(MILK, 1, on(1, 1))];
    let restored = TaskEvent::Restored(TaskRestored {
        task_id: id(MILK),
        task: content("whole milk", 0),
        created_at: at(0),
        previous: 2,
        at: at(9),
        mark: Mark::default(),
        step: on(2, 2),
    });
    given::<TaskList>(history.clone()).when(one(restore(false, Some(2)))).then([restored]);
    given::<TaskList>(history)
        .when(one(restore(false, None)))
        .then_rejected(&rejected(0, Refusal::Overtaken));
}

#[test]
fn a_task_that_is_there_is_only_made_what_it_was_if_that_was_asked_for() {
    let milk = created(MILK, 0, Step::default());
    given::<TaskList>([milk.clone()]).when(one(restore(false, None))).then([]);
    let before = Fields { title: Some(title("milk")), ..Fields::default() };
    let after = Fields { title: Some(title("whole milk")), ..Fields::default() };
    given::<TaskList>([milk]).when(one(restore(true, None))).then([changed(
        MILK,
        before,
        after,
        1,
        on(1, 1),
    )]);
}

#[test]
fn a_restored_task_stands_right_behind_one_that_has_taken_its_place() {
    let mut state = replay::<TaskList>(both());
    state = carry_out(state, one(delete(MILK))).0;
    let put = exported(ImportedId::Given(id(7)), Some(position(0)));
    state = carry_out(state, one(put)).0;
    state = carry_out(state, one(restore(false, Some(3)))).0;
    assert_eq!(in_order(&state), [7, MILK, BREAD]);
}

fn exported(key: ImportedId, position: Option<crate::tasks::values::Position>) -> Action {
    Action::Put(Box::new(ImportedTask {
        id: key,
        draft: TaskDraft { priority: Priority::Low, ..draft("milk") },
        completed_at: Some(at(5)),
        position,
        times: Imported { created_at: at(3), updated_at: at(6) },
        deleted: None,
    }))
}

#[test]
fn an_exported_task_is_added_as_it_was() {
    let task = Content { completed_at: Some(at(5)), priority: Priority::Low, ..content("milk", 4) };
    given::<TaskList>([]).when(one(exported(ImportedId::Given(id(7)), Some(position(4))))).then([
        TaskEvent::Created(TaskCreated {
            task_id: id(7),
            task,
            imported: Some(Imported { created_at: at(3), updated_at: at(6) }),
            previous: None,
            at: at(9),
            mark: Mark::default(),
            step: Step::default(),
        }),
    ]);
}

#[test]
fn importing_twice_changes_nothing_the_second_time() {
    let import = || {
        all([
            exported(ImportedId::Given(id(7)), Some(position(4))),
            exported(ImportedId::Given(id(3)), Some(position(2))),
        ])
    };
    let (state, _) = carry_out(State::default(), import());
    assert_eq!(in_order(&state), [3, 7]);
    assert_eq!(TaskList::decide(&state, import()), Ok(vec![]));
}

#[test]
fn an_imported_task_whose_place_is_taken_stands_at_the_end() {
    let (state, _) = carry_out(
        State::default(),
        all([
            exported(ImportedId::Given(id(3)), Some(position(2))),
            exported(ImportedId::Fresh(id(1)), Some(position(2))),
            exported(ImportedId::Fresh(id(1)), None),
        ]),
    );
    assert_eq!(in_order(&state), [3, 4, 5]);
}

#[test]
fn a_task_imported_from_the_very_end_of_everything_leaves_room_behind_it() {
    let end = crate::tasks::values::Position::parse(&"z".repeat(64)).unwrap();
    let (mut state, _) =
        carry_out(State::default(), one(exported(ImportedId::Given(id(7)), Some(end))));
    for number in 8..12 {
        state = carry_out(state, creation(number, "milk")).0;
    }
    assert_eq!(in_order(&state), [7, 8, 9, 10, 11]);
}
