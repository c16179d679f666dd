//! Checks of the keys: stage, age and next change of each, and the servers' ability to sign with it.

use std::collections::BTreeMap;

use super::finding::{Finding, span};
use crate::base::clock::Timestamp;
use crate::eventlog::Event;
use crate::eventlog::log::reader::read_log;
use crate::keys::events::KeyEvent;
use crate::keys::private::vault;
use crate::keys::private::vault::{PrivateHalf, Vault};
use crate::keys::ring::schedule::Schedule;
use crate::keys::ring::{KeyStage, RingKey};
use crate::postgres::Connection;

const KEYS: &str = "keys";
/// Events read by one query.
const PAGE: i64 = 1_000;

/// Makes one finding for each key of the ring.
pub(super) async fn of(vault: &Vault, connection: &Connection) -> anyhow::Result<Vec<Finding>> {
    let ring = vault.ring.read(&vault::stream()).await?;
    let published_at = published_at(connection).await?;
    let now = vault.clock.now();
    let mut findings = Vec::new();
    for (kid, key) in &ring.state.keys {
        let age = published_at
            .get(kid)
            .map_or_else(String::new, |at| format!(", made {} ago", span(now.since(*at))));
        let half = vault.private_half(kid).await?;
        let stands = format!("{kid} {}{age}", key.stage);
        findings.push(judged(&stands, key, half, &vault.schedule, now));
    }
    if ring.state.signing().is_none() {
        let text = "there is no signing key: the next server to start creates one";
        findings.push(Finding::warning(KEYS, text));
    }
    Ok(findings)
}

/// Time of publication of each key, from the log.
async fn published_at(connection: &Connection) -> anyhow::Result<BTreeMap<String, Timestamp>> {
    let link = connection.connect().await?;
    let mut published_at = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = read_log(&link.client, after, PAGE, Some(vault::stream().as_str())).await?;
        let Some(last) = page.last() else { return Ok(published_at) };
        after = last.position;
        for event in &page {
            let view = event.view();
            if let KeyEvent::Published(published) =
                KeyEvent::decode(view.name, view.schema, view.data)?
            {
                published_at.insert(published.public_key.kid().to_owned(), event.recorded_at);
            }
        }
    }
}

fn judged(
    stands: &str,
    key: &RingKey,
    half: PrivateHalf,
    schedule: &Schedule,
    now: Timestamp,
) -> Finding {
    let (next, due) = match key.stage {
        KeyStage::Published { signs_from } => (String::new(), Some(signs_from)),
        KeyStage::Signing { since } => {
            let at = schedule.successor_at(since);
            (format!(", its successor is published at {at}"), Some(at))
        }
        // No private half is left to open: it is erased once the key has stopped signing.
        KeyStage::Verifying { .. } => return Finding::ok(KEYS, stands),
    };
    let opened = match half {
        PrivateHalf::Opens => "opens with the secret",
        PrivateHalf::IsOutdated => {
            let todo = "opens with a previous secret only: start a server, which reseals it, before that secret is dropped";
            return Finding::warning(KEYS, format!("{stands}, {todo}"));
        }
        PrivateHalf::StaysClosed => {
            let todo = "does not open: KEYFOLD_SECRET is not the secret it was sealed under. If that one is lost for good, \
                        run `keyfold keys replace --lost`";
            return Finding::error(KEYS, format!("{stands}, {todo}"));
        }
        PrivateHalf::IsGone => {
            let todo = "its private half is missing: restore a backup that has it, or, if there is none, run `keyfold keys \
                        replace --lost`";
            return Finding::error(KEYS, format!("{stands}, {todo}"));
        }
    };
    let overdue = due.is_some_and(|due| now.since(due) > schedule.lead);
    let text = format!("{stands}, {opened}{next}");
    if overdue {
        Finding::warning(KEYS, format!("{text}, which is overdue: does a server run?"))
    } else {
        Finding::ok(KEYS, text)
    }
}
