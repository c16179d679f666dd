//! `keyfold sessions end`: all users must sign in again.

use std::pin::pin;

use futures_util::{StreamExt, stream};

use super::commands::on_foundation;
use super::progress::ProgressLine;
use crate::app::features::{self, Foundation};
use crate::app::storage::Storage;
use crate::base::id::UserId;
use crate::config::Config;
use crate::eventlog::{Context, Entities};
use crate::sessions::events::EndReason;
use crate::sessions::session_list::{Command, SessionList};
use crate::sessions::{self, Sessions};
use crate::telemetry::in_new_trace;
use crate::telemetry::spans::sampling::TracePriority;

/// Users whose sessions are ended concurrently, so that group commit applies.
const AT_ONCE: usize = 64;

/// Ends every session of every user.
pub(super) async fn end(config: &Config) -> anyhow::Result<()> {
    let storage = Storage::join(config).await?;
    let ended = on_foundation(config, &storage.connection(), async |foundation, root| {
        let lifespan = features::lifespan(config);
        let lists = Entities::start(foundation.reading.log.clone(), lifespan, root).await?;
        let ended = end_all(foundation, &lists).await;
        lists.drain().await;
        super::print(&format!("sessions ended: {}\n", ended?))
    })
    .await;
    storage.close().await;
    ended
}

async fn end_all(foundation: &Foundation, lists: &Entities<SessionList>) -> anyhow::Result<usize> {
    let owners = sessions::read_model::owners(&foundation.reading.pool).await?;
    let (mut ended, all) = (0, owners.len());
    let mut progress = ProgressLine::of("users signed out");
    let ends = stream::iter(owners)
        .map(|user_id| end_of(foundation, lists, user_id, EndReason::Revoked, "sessions end"))
        .buffer_unordered(AT_ONCE)
        .enumerate();
    let mut ends = pin!(ends);
    while let Some((done, count)) = ends.next().await {
        ended += count?;
        progress.at(number(done + 1), number(all));
    }
    Ok(ended)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Ends every session of a user; returns their number.
pub(super) async fn end_of(
    foundation: &Foundation,
    lists: &Entities<SessionList>,
    user_id: UserId,
    reason: EndReason,
    why: &'static str,
) -> anyhow::Result<usize> {
    let now = foundation.seams.clock.now();
    let command = Command::EndAll { except: None, reason, now };
    let end = async {
        let (stream, context) = (Sessions::stream(user_id), Context::caused_by(why));
        let outcome = lists.execute_passivated(&stream, command, context).await?;
        for event in &outcome.events {
            event.tell(user_id, true);
        }
        Ok(outcome.events.len())
    };
    in_new_trace(why, TracePriority::Share, || tracing::info_span!("command"), end).await
}
