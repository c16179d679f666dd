//! `keyfold users list`, `keyfold users show` and `keyfold sessions list`: users and sessions, for operators and for
//! programs.
//!
//! The output has no secrets: no token, no hash, no password.

use ractor::ActorCell;
use serde::Serialize;

use super::commands::on_foundation;
use crate::accounts::account::{Account, Profile};
use crate::accounts::email::Email;
use crate::accounts::{self, Accounts};
use crate::app::features::{self, Foundation};
use crate::app::storage::OpenDatabase;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::config::Config;
use crate::eventlog::{Decider, Entities, Published, StreamName};
use crate::sessions::session_list::open::OpenSession;
use crate::sessions::session_list::{SessionList, State};
use crate::sessions::{self, Sessions};
use crate::tasks::Tasks;
use crate::tasks::task_list::TaskList;

/// Users read by one query.
const PAGE: i64 = 1_000;

/// Lists every user, a line each, in the order of their addresses.
pub(super) async fn list_users(config: &Config, as_json: bool) -> anyhow::Result<()> {
    with_foundation(config, async |foundation, _| {
        let mut after = String::new();
        loop {
            let pool = &foundation.reading.pool;
            let page = accounts::read_model::page_after(pool, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            last.email.clone_into(&mut after);
            let mut lines = String::new();
            for user in page {
                let (id, email, name, created_at) =
                    (user.id, user.email, user.name, user.created_at);
                let line = UserLine { id, email, name, created_at };
                lines.push_str(&line.shown(as_json)?);
            }
            if !super::print_on(&lines)? {
                return Ok(());
            }
        }
    })
    .await
}

/// Shows the profile of a user, the last sign-in, and the numbers of sessions and tasks.
pub(super) async fn show_user(config: &Config, email: &str, as_json: bool) -> anyhow::Result<()> {
    let email = known_form(email)?;
    with_foundation(config, async |foundation, root| {
        let look = Look { config, foundation, root };
        let (user_id, profile) = look.user(&email).await?;
        let stream = Sessions::stream(user_id);
        let open = look.state::<SessionList>(&stream).await?;
        let sessions = live(&open.state, &profile, look.now()).count();
        let tasks = look.state::<TaskList>(&Tasks::stream(user_id)).await?;
        let tasks = &tasks.state.tasks;
        let last = sessions::read_model::last_start(&foundation.reading.pool, &stream).await?;
        let shown = ShownUser {
            id: user_id,
            email: profile.email.as_str().to_owned(),
            email_verified: profile.email_verified_at.is_some(),
            name: profile.name.as_str().to_owned(),
            created_at: profile.created_at,
            updated_at: profile.updated_at,
            last_sign_in_at: last,
            sessions,
            tasks: tasks.len(),
            tasks_completed: tasks.completed(),
        };
        super::print(&shown.shown(as_json)?)
    })
    .await
}

/// Lists the live sessions of a user, the newest first.
pub(super) async fn list_sessions(
    config: &Config,
    email: &str,
    as_json: bool,
) -> anyhow::Result<()> {
    let email = known_form(email)?;
    with_foundation(config, async |foundation, root| {
        let look = Look { config, foundation, root };
        let (user_id, profile) = look.user(&email).await?;
        let list = look.state::<SessionList>(&Sessions::stream(user_id)).await?;
        for (id, session) in live(&list.state, &profile, look.now()) {
            super::print(&SessionLine::new(id, session).shown(as_json)?)?;
        }
        Ok(())
    })
    .await
}

/// Parses an address, in the form in which users have theirs.
pub(super) fn known_form(email: &str) -> anyhow::Result<Email> {
    Email::parse(email).map_err(|error| anyhow::anyhow!("invalid email address: it {error}"))
}

/// Error for an address without a user.
pub(super) fn nobody(email: &Email) -> anyhow::Error {
    anyhow::anyhow!("there is no user with the address {}", email.as_str())
}

/// Filters the sessions that are accepted: one begun with an earlier password is not, even if its end is not recorded yet.
fn live<'a>(
    list: &'a State,
    profile: &'a Profile,
    now: Timestamp,
) -> impl Iterator<Item = (SessionId, &'a OpenSession)> {
    let is_accepted =
        |session: &OpenSession| session.credential_id.is_none_or(|id| id == profile.credential_id);
    list.live(now).filter(move |(_, session)| is_accepted(session))
}

/// Opens the database for one read, and closes it afterwards.
async fn with_foundation(
    config: &Config,
    look: impl AsyncFnOnce(&Foundation, &ActorCell) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let place = OpenDatabase::join(config).await?;
    let looked = on_foundation(config, &place.connection(), look).await;
    place.close().await;
    looked
}

/// Handles for reading the state of entities.
struct Look<'a> {
    /// Limits of the entities that are started.
    config: &'a Config,
    /// Log and pool to read from.
    foundation: &'a Foundation,
    /// Parent of the entities' supervisors.
    root: &'a ActorCell,
}

impl Look<'_> {
    fn now(&self) -> Timestamp {
        self.foundation.seams.clock.now()
    }

    /// Finds the user with this address.
    async fn user(&self, email: &Email) -> anyhow::Result<(UserId, Profile)> {
        let user = accounts::read_model::user_of(&self.foundation.reading.pool, email).await?;
        let user_id = user.ok_or_else(|| nobody(email))?;
        let account = self.state::<Account>(&Accounts::stream(user_id)).await?;
        // Deleted between the two reads.
        let profile = account.state.profile().ok_or_else(|| nobody(email))?;
        Ok((user_id, profile.clone()))
    }

    /// Reads the state of a stream from the log.
    async fn state<D: Decider>(
        &self,
        stream: &StreamName,
    ) -> anyhow::Result<std::sync::Arc<Published<D>>> {
        let lifespan = features::lifespan(self.config);
        let log = self.foundation.reading.log.clone();
        let entities = Entities::<D>::start(log, lifespan, self.root).await?;
        Ok(entities.read(stream).await?)
    }
}

/// Output as JSON for programs, or as text for operators.
trait Listing: Serialize {
    fn shown(&self, as_json: bool) -> anyhow::Result<String> {
        if as_json { Ok(format!("{}\n", serde_json::to_string(self)?)) } else { Ok(self.text()) }
    }

    fn text(&self) -> String;
}

/// One user in a list; the field names are those of the JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserLine {
    /// Id, by which telemetry and the log name the user.
    id: UserId,
    /// Address with which the user signs in; the list is in its order.
    email: String,
    /// Name from the profile.
    name: String,
    /// Time of the sign-up.
    created_at: Timestamp,
}

impl Listing for UserLine {
    fn text(&self) -> String {
        let Self { id, email, name, created_at } = self;
        format!("{id}  {created_at}  {email}  {name}\n")
    }
}

/// One user in detail; the field names are those of the JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownUser {
    /// Id, by which telemetry and the log name the user.
    id: UserId,
    /// Address with which the user signs in.
    email: String,
    /// True if the user has proven to own the address.
    email_verified: bool,
    /// Name from the profile.
    name: String,
    /// Time of the sign-up.
    created_at: Timestamp,
    /// Time of the last change of the profile.
    updated_at: Timestamp,
    /// Begin of the newest session, ended or not; `None` if there never was one.
    last_sign_in_at: Option<Timestamp>,
    /// Number of live sessions.
    sessions: usize,
    /// Number of tasks, completed or not.
    tasks: usize,
    /// Number of completed tasks.
    tasks_completed: usize,
}

impl Listing for ShownUser {
    fn text(&self) -> String {
        let verified = if self.email_verified { "verified" } else { "not verified" };
        let last = self.last_sign_in_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        format!(
            "id            {}\nemail         {} ({verified})\nname          {}\n\
             signed up     {}\nlast changed  {}\nlast sign-in  {last}\nsessions      {}\n\
             tasks         {}, completed: {}\n",
            self.id,
            self.email,
            self.name,
            self.created_at,
            self.updated_at,
            self.sessions,
            self.tasks,
            self.tasks_completed,
        )
    }
}

/// One session in a list; the field names are those of the JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionLine {
    /// Id, the `sid` of its access tokens.
    id: SessionId,
    /// Time of the sign-in.
    created_at: Timestamp,
    /// Time of the last recorded use.
    last_seen_at: Timestamp,
    /// Expiry by the idle timeout, unless it is used before.
    expires_at: Timestamp,
    /// Expiry by the absolute timeout.
    ends_at: Timestamp,
    /// Client address at the sign-in, if known.
    ip_address: Option<String>,
    /// Program of the client, as it named itself.
    user_agent: Option<String>,
}

impl SessionLine {
    fn new(id: SessionId, session: &OpenSession) -> Self {
        Self {
            id,
            created_at: session.started_at,
            last_seen_at: session.seen_at,
            expires_at: session.expires_at,
            ends_at: session.ends_at,
            ip_address: session.client_address.map(|address| address.to_string()),
            user_agent: session.user_agent.clone(),
        }
    }
}

impl Listing for SessionLine {
    fn text(&self) -> String {
        let Self { id, created_at, last_seen_at, expires_at, .. } = self;
        let address = self.ip_address.as_deref().unwrap_or("unknown address");
        // The user agent comes from a client: its control characters must not reach the terminal.
        let agent = self.user_agent.as_deref().map_or_else(
            || "unknown device".to_owned(),
            |agent| agent.escape_default().to_string(),
        );
        format!(
            "{id}  began {created_at}, last seen {last_seen_at}, expires {expires_at}  {address}  {agent}\n"
        )
    }
}
