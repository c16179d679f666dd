//! Given / when / then for deciders: history, command, and what must follow.

use std::fmt::Debug;

use super::decider::Decider;

/// A decider with a history.
#[derive(Debug)]
pub struct Given<D: Decider>(D::State);

/// Result of a decision, to be compared.
#[derive(Debug)]
pub struct When<D: Decider>(Result<Vec<D::Event>, D::Rejection>);

/// The entity after `history`.
pub fn given<D: Decider>(history: impl IntoIterator<Item = D::Event>) -> Given<D> {
    Given(replay::<D>(history))
}

/// The state a history leaves.
pub fn replay<D: Decider>(history: impl IntoIterator<Item = D::Event>) -> D::State {
    history.into_iter().fold(D::State::default(), |state, event| D::evolve(state, &event))
}

impl<D: Decider> Given<D> {
    /// Decides a command on the state that the history leaves.
    pub fn when(self, command: D::Command) -> When<D> {
        When(D::decide(&self.0, command))
    }
}

impl<D: Decider> When<D>
where
    D::Event: PartialEq,
    D::Rejection: PartialEq,
{
    /// Exactly these events happen.
    ///
    /// # Panics
    ///
    /// If others do.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = D::Event>) {
        assert_eq!(self.0, Ok(events.into_iter().collect::<Vec<_>>()));
    }

    /// The command is refused for this reason.
    ///
    /// # Panics
    ///
    /// If it is not.
    #[track_caller]
    pub fn then_rejected(self, rejection: &D::Rejection) {
        assert_eq!(self.0.as_ref(), Err(rejection));
    }
}

/// Every stored shape in `tests/golden/<name>.<schema>.json` is read, and written again as it was.
///
/// # Panics
///
/// If it is not.
#[track_caller]
pub fn assert_golden<E: super::event::Event + PartialEq + Debug>(events: &[E]) {
    for event in events {
        let kind = event.kind();
        let path = format!(
            "{}/tests/golden/{}.{}.json",
            env!("CARGO_MANIFEST_DIR"),
            kind.name,
            kind.schema
        );
        let golden =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let decoded = E::decode(kind.name, kind.schema, &golden)
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(&decoded, event, "{path} is read as the event");
        let written: serde_json::Value = serde_json::from_str(&event.encode().unwrap()).unwrap();
        let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
        assert_eq!(written, golden, "{path} is what the event is written as");
    }
}
