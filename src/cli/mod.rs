//! The command line: `serve` and the operator's commands.
//!
//! Exit codes: 0 done, 1 something failed (its reason is printed), 2 the command line or the configuration is wrong.

mod backup;
mod commands;
mod doctor;
mod lost_keys;
mod people;
mod progress;
mod serve;
mod sessions;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::telemetry::log::stdio;
use crate::telemetry::log::stdio::complain;
use crate::telemetry::{self, Process};

/// Event-sourced identity and tasks backend on PostgreSQL.
///
/// Without `DATABASE_URL` it runs a PostgreSQL cluster of its own in the data directory.
#[derive(Debug, Parser)]
#[command(name = "keyfold", version, after_help = config::help())]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default).
    Serve,
    /// Bring the database's schema up to date, without starting the server.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
    /// Inspect, rotate, revoke or replace signing keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// List or end sessions.
    #[command(subcommand)]
    Sessions(SessionsOf),
    /// List, show or delete users.
    #[command(subcommand)]
    Users(Users),
    /// Print events of the log, one JSON object per line.
    Events {
        /// Only events after this position.
        #[arg(long, default_value_t = 0)]
        after: i64,
        /// Only events of this stream, for instance `keys` or `tasks-<user id>`.
        #[arg(long)]
        stream: Option<String>,
        /// Maximum number of events to print. Unlimited by default.
        #[arg(long)]
        limit: Option<u64>,
    },
    /// Rebuild every read model from the event log. Reads continue meanwhile; changes wait, and fail after ten seconds.
    Replay,
    /// Back up the private cluster to a new file. A server may run meanwhile.
    Backup {
        /// The file.
        file: PathBuf,
    },
    /// Create the private cluster from a backup, with the newest PostgreSQL that is installed. The data directory must not have
    /// one; a secret that is in it stays.
    Restore {
        /// The file.
        file: PathBuf,
    },
    /// Check the installation: the database, its schema, the log, the servers, the keys and the clock. Ends
    /// with exit code 1 if something is wrong.
    Doctor,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Print the keys of the JWKS and their states.
    List,
    /// Print the history of all keys, the oldest change first.
    History,
    /// Publish a new key now. The running servers sign with it once every verifier knows it; the old one then verifies until
    /// its last token has expired.
    Rotate,
    /// Revoke a key at once, for instance because its private half has leaked: no token signed by it is accepted any more.
    /// If it is the signing key, the published key or else a new one takes over.
    Revoke {
        /// The key id, as `keys list` shows it. One in 64 begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Make a new signing key because a private key, or the secret that seals them, is lost for good: no backup has it. What
    /// was signed before is refused; users, passwords, sessions, tasks and the log stay as they are. Refused while nothing
    /// is lost, and beside a running server unless it is a node of a cluster.
    Replace {
        /// Confirm that it is lost for good.
        #[arg(long, required = true)]
        lost: bool,
    },
}

#[derive(Debug, Subcommand)]
enum SessionsOf {
    /// End every session of every user, for instance after a backup was restored, in which sessions live that were ended
    /// later. All users have to sign in again.
    End,
    /// Print the sessions of a user that are accepted now, the newest first. Never their tokens.
    List {
        /// Email address of the user.
        email: String,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Users {
    /// Print every user, in the order of their addresses.
    List {
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Print a user's profile, last sign-in, and numbers of sessions and tasks.
    Show {
        /// Email address of the user.
        email: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Delete a user: their tokens are refused, their sessions end, and their address may be signed up with again. The
    /// user's events stay in the log.
    Delete {
        /// Email address of the user.
        email: String,
    },
}

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let code = execute(command.unwrap_or(Command::Serve)).unwrap_or_else(|error| {
        complain(&format!("keyfold: {error:#}"));
        ExitCode::FAILURE
    });
    stdio::flush();
    code
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    if matches!(command, Command::Serve) {
        stdio::guard()?;
    }
    if matches!(command, Command::Openapi) {
        print(&crate::api::openapi::text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = match Config::from_process_environment() {
        Ok(config) => config,
        Err(error) => {
            complain(&format!("keyfold cannot start with this configuration:\n{error}"));
            return Ok(ExitCode::from(2));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(run(command, config));
    // Tasks that still run end before the reason is printed, so that it is the last line.
    drop(runtime);
    done.map(|()| ExitCode::SUCCESS)
}

/// Runs a command with telemetry, which is flushed whatever the outcome.
async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    let is_server = matches!(command, Command::Serve);
    let process = if is_server { Process::Server } else { Process::Command };
    let telemetry = telemetry::start(&config.telemetry, process)?;
    let done = match command {
        Command::Serve => serve::serve(config).await,
        Command::Migrate => commands::migrate(&config).await,
        Command::Openapi => Ok(()),
        Command::Keys(KeysCommand::List) => commands::list_keys(&config).await,
        Command::Keys(KeysCommand::History) => commands::key_history(&config).await,
        Command::Keys(KeysCommand::Rotate) => commands::rotate_keys(&config).await,
        Command::Keys(KeysCommand::Revoke { kid }) => commands::revoke_key(&config, &kid).await,
        Command::Keys(KeysCommand::Replace { lost: _ }) => lost_keys::replace(&config).await,
        Command::Sessions(SessionsOf::End) => sessions::end(&config).await,
        Command::Sessions(SessionsOf::List { email, json }) => {
            people::list_sessions(&config, &email, json).await
        }
        Command::Users(Users::List { json }) => people::list_users(&config, json).await,
        Command::Users(Users::Show { email, json }) => {
            people::show_user(&config, &email, json).await
        }
        Command::Users(Users::Delete { email }) => users::delete(&config, &email).await,
        Command::Events { after, stream, limit } => {
            commands::events(&config, after, stream.as_deref(), limit).await
        }
        Command::Replay => commands::replay(&config).await,
        Command::Backup { file } => backup::backup(&config, &file).await,
        Command::Restore { file } => backup::restore(&config, &file).await,
        Command::Doctor => doctor::doctor(&config).await,
    };
    telemetry.flush_and_shutdown().await;
    done
}

/// Prints the result of a command to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    print_on(text).map(drop)
}

/// As [`print()`]; returns false once the reader has closed its end.
fn print_on(text: &str) -> anyhow::Result<bool> {
    Ok(stdio::print(text)?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_key_id_may_begin_with_a_hyphen() {
        let arguments = Arguments::try_parse_from(["keyfold", "keys", "revoke", "-Fx9"]).unwrap();
        let Some(Command::Keys(KeysCommand::Revoke { kid })) = arguments.command else {
            panic!("another command")
        };
        assert_eq!(kid, "-Fx9");
    }

    #[test]
    fn the_help_names_every_command_and_every_variable() {
        let help = Arguments::command().render_long_help().to_string();
        for command in [
            "serve", "migrate", "openapi", "keys", "sessions", "users", "events", "replay",
            "doctor",
        ] {
            assert!(help.contains(&format!("\n  {command} ")), "{command}");
        }
        for name in config::VARIABLES.iter().flat_map(config::Variable::names) {
            assert!(help.contains(name), "{name}");
        }
    }
}
