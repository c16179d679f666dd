//! The root of the supervision tree.

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

/// The root of the supervision tree: when a fixed part below it ends, it ends, unless the server is stopping.
#[derive(Debug)]
pub struct Root;

/// What the root is told.
#[derive(Debug)]
pub enum RootMessage {
    /// From now on its children may end.
    Stopping,
}

impl Actor for Root {
    type Msg = RootMessage;
    /// Whether the server is stopping.
    type State = bool;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<RootMessage>,
        (): (),
    ) -> Result<bool, ActorProcessingErr> {
        Ok(false)
    }

    async fn handle(
        &self,
        _myself: ActorRef<RootMessage>,
        RootMessage::Stopping: RootMessage,
        stopping: &mut bool,
    ) -> Result<(), ActorProcessingErr> {
        *stopping = true;
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RootMessage>,
        event: SupervisionEvent,
        stopping: &mut bool,
    ) -> Result<(), ActorProcessingErr> {
        let ended = matches!(
            event,
            SupervisionEvent::ActorTerminated(..) | SupervisionEvent::ActorFailed(..)
        );
        if ended && !*stopping {
            myself.stop(Some("a fixed part ended".to_owned()));
        }
        Ok(())
    }
}
