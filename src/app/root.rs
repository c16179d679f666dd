//! The root of the supervision tree.

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

/// Root actor: ends as soon as a fixed part below it has ended, unless the server is stopping.
#[derive(Debug)]
pub struct Root;

/// Messages to the root actor, which is told of nothing but the stop.
#[derive(Debug)]
pub enum RootMessage {
    /// The server stops: from now on children may end.
    Stopping,
}

impl Actor for Root {
    type Msg = RootMessage;
    /// True once the server is stopping.
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
