//! `keyfold keys replace --lost`: a new signing key in place of a lost private key or secret.
//!
//! The secret is written to its file before anything is sealed under it. If the command is interrupted in between, it
//! leaves keys that do not open, as before; run again, it replaces them.

use anyhow::{Context, bail};

use super::commands::in_vault;
use crate::app::secrets::NewSecret;
use crate::app::storage::OpenDatabase;
use crate::base::clock::Clock;
use crate::base::id::Id;
use crate::config::Config;
use crate::eventlog::cluster::follower;
use crate::eventlog::cluster::follower::{Following, Member, Mode};
use crate::keys::private::vault::{Replacement, Vault};
use crate::postgres;
use crate::postgres::Connection;

const NOTHING_IS_LOST: &str = "nothing is lost: every private key is there and opens with the secret. `keyfold keys rotate` \
                               publishes another key, `keyfold keys revoke` takes one out";

/// Replaces every key by a new one, if a private half is lost.
pub(super) async fn replace(config: &Config) -> anyhow::Result<()> {
    let place = OpenDatabase::join(config).await?;
    let replaced = replace_in(config, &place).await;
    place.close().await;
    replaced
}

async fn replace_in(config: &Config, place: &OpenDatabase) -> anyhow::Result<()> {
    let connection = place.connection();
    postgres::check_migrated(&connection).await?;
    let _until_done = exclude_servers(config, &connection).await?;
    let (secrets, new) = place.secrets_or_new(config)?;
    in_vault(config, &connection, &secrets, async |vault| replace_keys(vault, new).await).await
}

/// Takes the place of a server, so that none runs meanwhile which still has what is said to be lost. Nodes of a cluster may
/// run: they hear of the new key.
async fn exclude_servers(config: &Config, connection: &Connection) -> anyhow::Result<Following> {
    let mode = if config.database.cluster { Mode::Cluster } else { Mode::Single };
    let clock = Clock::system();
    let member = Member::new(Id::<()>::generate(&clock).uuid(), mode, clock);
    let joined = follower::join(connection.clone(), member).await;
    let (_, following) = joined.context("no key is replaced under a running server")?;
    Ok(following)
}

async fn replace_keys(vault: &Vault, new: Option<NewSecret>) -> anyhow::Result<()> {
    if !vault.is_lost().await? {
        bail!(NOTHING_IS_LOST);
    }
    if let Some(new) = new {
        new.keep()?;
        let path = new.path().display();
        super::print(&format!("a new secret is kept in {path}: back it up with the database\n"))?;
    }
    let Some(Replacement { revoked, signing }) = vault.replace_lost().await? else {
        bail!(NOTHING_IS_LOST);
    };
    for kid in revoked {
        super::print(&format!("{kid} is revoked: no token signed by it is accepted any more\n"))?;
    }
    super::print(&format!("{signing} signs from now on\n"))
}
