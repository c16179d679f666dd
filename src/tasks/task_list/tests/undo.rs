//! Undo and redo of changes, by their opposites.

use super::*;

fn source(deed: EditKind, span: Span, events: &[TaskEvent]) -> Command {
    let source = command::UndoSource { deed, span, events: events.into() };
    Command::UndoOrRedo { source, expected: None, stamp: stamp(9) }
}

#[test]
fn a_change_is_taken_back_by_its_opposite_and_done_again_by_the_opposite_of_that() {
    let done = completed(1, on(1, 1));
    let step = Step { deed: EditKind::Undo, next: Some(Span(1, 1)), ..Step::default() };
    let before = Fields { completed_at: Some(Some(at(9))), ..Fields::default() };
    let after = Fields { completed_at: Some(None), ..Fields::default() };
    let undone = changed(MILK, before.clone(), after.clone(), 2, step);
    let history = [created(MILK, 0, Step::default()), done.clone()];
    given::<TaskList>(history.clone())
        .when(source(EditKind::Undo, Span(2, 2), std::slice::from_ref(&done)))
        .then([undone.clone()]);

    let [milk, done] = history;
    let step = Step { deed: EditKind::Redo, below: Some(Span(1, 1)), ..Step::default() };
    given::<TaskList>([milk, done, undone.clone()])
        .when(source(EditKind::Redo, Span(3, 3), &[undone]))
        .then([changed(MILK, after, before, 3, step)]);
}

#[test]
fn a_change_that_is_not_the_last_one_is_not_taken_back() {
    let [milk, bread] = both();
    given::<TaskList>([milk.clone(), bread])
        .when(source(EditKind::Undo, Span(1, 1), &[milk]))
        .then_rejected(&rejected(0, Refusal::Overtaken));
    given::<TaskList>([])
        .when(source(EditKind::Redo, Span(1, 1), &[]))
        .then_rejected(&rejected(0, Refusal::Overtaken));
}
