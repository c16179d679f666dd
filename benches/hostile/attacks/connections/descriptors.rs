//! Connections and the file descriptors that they use.

use std::time::Duration;

use crate::attack::{Attack, Setting};
use crate::stage::{Play, Stage, crowd, hold, ready};

const KIND: &str = "connections";

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::variation(
        "idle-connections",
        KIND,
        "10,000 connections that send nothing",
        |stage| ready(idle(stage, 10_000)),
    ),
    Attack::variation(
        "connection-churn",
        KIND,
        "64 clients connect and hang up as fast as they can, without a byte",
        |stage| ready(churn(stage)),
    ),
    Attack::new(
        "few-descriptors",
        KIND,
        "300 connections that send nothing, on a server that was started with a soft limit of 256 descriptors",
        |stage| ready(idle(stage, 300)),
    )
    .on(Setting::FewDescriptors),
];

fn idle(stage: Stage, connections: usize) -> Play {
    crowd(connections + 1, move |number| {
        let stage = stage.clone();
        async move {
            if number == connections {
                stage.look_whether_ready().await;
            } else if let Some(mut connection) = stage.connect().await {
                stage.hear("connected");
                crate::stage::read_to_end(&mut connection).await;
                stage.hear("closed");
                tokio::time::sleep(Duration::from_millis(20)).await;
            } else {
                hold().await;
            }
        }
    })
}

fn churn(stage: Stage) -> Play {
    crowd(64, move |_| {
        let stage = stage.clone();
        async move {
            if stage.connect().await.is_some() {
                stage.hear("connected");
            }
        }
    })
}
