//! Properties that hold for any sequence of commands.

use proptest::prelude::*;

use super::command::{
    Destination, ImportedId, ImportedTask, New, Restore, TaskDraft, TaskUpdate, UndoSource,
};
use super::task::{Content, Fields};
use super::*;
use crate::eventlog::model::testing::replay;
use crate::tasks::events::Imported;
use crate::tasks::testing::{at, draft, id, note, position, stamp, tags, title};
use crate::tasks::values::Priority;

/// An intended command, which becomes a concrete one in the state that it meets.
#[derive(Debug, Clone)]
enum Wish {
    Act(Vec<Action>),
    Undo,
    Redo,
    /// Restores a task to its state in an earlier version.
    Restore(u128, usize),
}

fn number() -> impl Strategy<Value = u128> {
    1..12_u128
}

fn wanted() -> impl Strategy<Value = TaskUpdate> {
    let text = prop_oneof![Just(None), Just(Some(None)), Just(Some(Some(note("two litres"))))];
    let due = prop_oneof![Just(None), Just(Some(None)), Just("2026-12-24".parse().ok().map(Some))];
    let priority = proptest::option::of(prop_oneof![Just(Priority::None), Just(Priority::High)]);
    let labels = proptest::option::of(prop_oneof![Just(tags(&[])), Just(tags(&["home"]))]);
    let name = proptest::option::of("[a-c]{1,2}".prop_map(|text| title(&text)));
    (text, due, priority, labels, name, proptest::option::of(any::<bool>())).prop_map(
        |(description, due, priority, tags, title, completed)| {
            let fields = Fields { title, description, priority, due, tags, ..Fields::default() };
            TaskUpdate { fields, completed }
        },
    )
}

fn put() -> impl Strategy<Value = Action> {
    (number(), 0..6_u8, any::<bool>()).prop_map(|(number, steps, is_fresh)| {
        let key =
            if is_fresh { ImportedId::Fresh(id(number)) } else { ImportedId::Given(id(number)) };
        Action::Put(Box::new(ImportedTask {
            id: key,
            draft: TaskDraft { priority: Priority::Low, ..draft("imported") },
            completed_at: None,
            position: Some(position(steps)),
            times: Imported { created_at: at(0), updated_at: at(0) },
            deleted: None,
        }))
    })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (number(), any::<bool>()).prop_map(|(number, completed)| {
            Action::Create(New { id: id(number), draft: draft("new"), completed })
        }),
        4 => (number(), wanted()).prop_map(|(number, wanted)| {
            Action::Change { id: id(number), wanted, expected: None }
        }),
        2 => number().prop_map(|number| Action::Delete { id: id(number), expected: None }),
        2 => (number(), number(), any::<bool>()).prop_map(|(number, other, is_before)| {
            let place = if is_before { Destination::Before(id(other)) } else { Destination::After(id(other)) };
            Action::Move { id: id(number), place, expected: None }
        }),
        1 => put(),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        6 => action().prop_map(|action| Wish::Act(vec![action])),
        2 => proptest::collection::vec(action(), 1..5).prop_map(Wish::Act),
        2 => Just(Wish::Undo),
        2 => Just(Wish::Redo),
        1 => (number(), 0..30_usize).prop_map(|(number, version)| Wish::Restore(number, version)),
    ]
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    proptest::collection::vec(wish(), 0..40)
}

/// A list with its whole history, as a server and its log have it.
#[derive(Debug, Default)]
struct Living {
    state: State,
    log: Vec<TaskEvent>,
    /// The state in each version.
    states: Vec<State>,
}

impl Living {
    fn new() -> Self {
        Self { states: vec![State::default()], ..Self::default() }
    }

    fn after(wishes: &[Wish]) -> Self {
        let mut living = Self::new();
        for (second, wish) in (1..).zip(wishes) {
            living.follow(wish, stamp(second));
        }
        living
    }

    /// Carries out a wish, as far as the rules permit. Returns true if it caused an event.
    fn follow(&mut self, wish: &Wish, now: Stamp) -> bool {
        let command = match wish {
            Wish::Act(actions) => Some(Command::Change {
                actions: actions.clone().into(),
                expected: None,
                stamp: now,
            }),
            Wish::Undo => self.state.undo.map(|span| self.source(EditKind::Undo, span, now)),
            Wish::Redo => self.state.redo.map(|span| self.source(EditKind::Redo, span, now)),
            Wish::Restore(number, version) => self.restoration(id(*number), *version, now),
        };
        let decide = |command| TaskList::decide_and_evolve(&self.state, command).ok();
        let decided = command.and_then(decide);
        let (events, after) = decided.unwrap_or_else(|| (Vec::new(), self.state.clone()));
        for event in &events {
            self.state = TaskList::evolve(self.state.clone(), event);
            self.log.push(event.clone());
            self.states.push(self.state.clone());
        }
        assert_eq!(self.state, after, "the decision does what its events do");
        !events.is_empty()
    }

    fn source(&self, deed: EditKind, span: Span, now: Stamp) -> Command {
        let (first, last) = (usize::try_from(span.0).unwrap(), usize::try_from(span.1).unwrap());
        let events = self.log[first - 1..last].into();
        Command::UndoOrRedo {
            source: UndoSource { deed, span, events },
            expected: None,
            stamp: now,
        }
    }

    fn restoration(&self, id: TaskId, version: usize, now: Stamp) -> Option<Command> {
        let task = self.states.get(version)?.tasks.get(id)?;
        let is_deletion = |event: &TaskEvent| match event {
            TaskEvent::Deleted(deleted) => deleted.task_id == id,
            TaskEvent::Created(_) | TaskEvent::Changed(_) | TaskEvent::Restored(_) => false,
        };
        let deleted = self.log.iter().rposition(is_deletion);
        let restore = Restore {
            id,
            content: task.content.clone(),
            created_at: task.created_at,
            deleted: deleted.map(|index| i64::try_from(index + 1).unwrap()),
            rewinds: true,
            expected: None,
        };
        Some(Command::one(Action::Restore(Box::new(restore)), now))
    }
}

/// The user-visible part of a state, which does not depend on versions and times of change.
fn seen(state: &State) -> Vec<(TaskId, Content, Timestamp)> {
    let seen = |task: &Arc<Task>| (task.id, task.content.clone(), task.created_at);
    state.tasks.iter().map(seen).collect()
}

proptest! {
    #[test]
    fn replaying_the_events_gives_the_state_the_list_held(wishes in wishes()) {
        let living = Living::after(&wishes);
        prop_assert_eq!(&replay::<TaskList>(living.log.clone()), &living.state);
        prop_assert_eq!(living.state.version.number, i64::try_from(living.log.len()).unwrap());
    }

    #[test]
    fn the_state_as_of_any_version_is_what_it_was_then(wishes in wishes(), cut in 0..60_usize) {
        let living = Living::after(&wishes);
        let cut = cut.min(living.log.len());
        let snapshot = serde_json::to_string(&living.states[cut / 2]).unwrap();
        let nearest: State = serde_json::from_str(&snapshot).unwrap();
        let later = living.log[cut / 2..cut].iter();
        prop_assert_eq!(&later.fold(nearest, TaskList::evolve), &living.states[cut]);
    }

    #[test]
    fn undoing_everything_leaves_nothing(wishes in wishes()) {
        let mut living = Living::after(&wishes);
        let changes = living.log.len();
        for _ in 0..=changes {
            living.follow(&Wish::Undo, stamp(100));
        }
        prop_assert_eq!(living.state.undo, None);
        prop_assert_eq!(seen(&living.state), vec![]);
    }

    #[test]
    fn redoing_everything_that_was_undone_is_as_if_nothing_had_been(
        wishes in wishes(),
        count in 0..20_usize,
    ) {
        let mut living = Living::after(&wishes);
        let before = seen(&living.state);
        let undone = (0..count).filter(|_| living.follow(&Wish::Undo, stamp(100))).count();
        let redone = (0..undone).filter(|_| living.follow(&Wish::Redo, stamp(101))).count();
        prop_assert_eq!(undone, redone);
        prop_assert_eq!(seen(&living.state), before);
    }

    #[test]
    fn no_two_tasks_stand_in_the_same_place(wishes in wishes()) {
        for state in Living::after(&wishes).states {
            let mut positions: Vec<_> = state.tasks.iter().map(|task| &task.position).collect();
            positions.sort_unstable();
            prop_assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn every_event_names_the_one_before_it_of_its_task(wishes in wishes()) {
        let living = Living::after(&wishes);
        for (index, event) in living.log.iter().enumerate() {
            let earlier = living.log[..index].iter().rposition(|one| one.task_id() == event.task_id());
            let previous = event.previous().map(|version| usize::try_from(version - 1).unwrap());
            match event {
                TaskEvent::Changed(_) | TaskEvent::Deleted(_) => prop_assert_eq!(previous, earlier),
                // An import knows of an earlier deletion only if it was looked up, which these do not.
                TaskEvent::Created(_) => prop_assert_eq!(previous, None),
                TaskEvent::Restored(restored) => {
                    let deletion = previous.and_then(|index| living.log.get(index));
                    let is_its_deletion = matches!(
                        deletion, Some(TaskEvent::Deleted(deleted)) if deleted.task_id == restored.task_id
                    );
                    prop_assert!(is_its_deletion, "{:?}", event);
                }
            }
        }
    }
}
