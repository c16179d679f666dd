//! The command line: `serve` and the operator's commands.
//!
//! Exit codes: 0 done, 1 something failed (its reason is printed), 2 the command line or the configuration is wrong.

mod commands;
mod doctor;
mod serve;
mod sessions;
mod users;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::telemetry::stdio::{self, complain};
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
    /// Look at the signing keys, rotate or revoke them.
    #[command(subcommand)]
    Keys(Keys),
    /// End sessions.
    #[command(subcommand)]
    Sessions(SessionsOf),
    /// Delete users.
    #[command(subcommand)]
    Users(Users),
    /// Print events of the log, one JSON object a line.
    Events {
        /// Only events after this position.
        #[arg(long, default_value_t = 0)]
        after: i64,
        /// Only events of this stream, for instance `keys` or `tasks-<user id>`.
        #[arg(long)]
        stream: Option<String>,
        /// Most events to print.
        #[arg(long, default_value_t = 1_000)]
        limit: u64,
    },
    /// Rebuild every read model from the event log. Reads go on meanwhile; changes wait, and fail after ten seconds.
    Replay,
    /// Look at what an operator checks first: the database, its schema, the log, the servers, the keys and the clock. Ends
    /// with exit code 1 if something is wrong.
    Doctor,
}

#[derive(Debug, Subcommand)]
enum Keys {
    /// Print the keys of the JWKS and what each does.
    List,
    /// Print what happened to every key that ever was, oldest first.
    History,
    /// Publish a new key now. The running servers sign with it once every verifier knows it; the old one then verifies until
    /// its last token has expired.
    Rotate,
    /// Take a key out at once, for instance because its private half has leaked: nothing it signed is accepted any more.
    /// If it is the one that signs, the published one or else a new one signs from now on.
    Revoke {
        /// The key id, as `keys list` shows it. One in 64 begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

#[derive(Debug, Subcommand)]
enum SessionsOf {
    /// End every session of every user, for instance after a backup was restored, in which sessions live that were ended
    /// later. Everybody signs in again.
    End,
}

#[derive(Debug, Subcommand)]
enum Users {
    /// Delete a user: their tokens are refused, their sessions end, and their address may be signed up with again. What the
    /// log says of them stays there.
    Delete {
        /// The address they sign in with.
        email: String,
    },
}

/// Runs the command line.
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
        print(&crate::web::openapi::text())?;
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
    // What still runs ends before the reason is printed, so that this is the last line.
    drop(runtime);
    done.map(|()| ExitCode::SUCCESS)
}

/// Runs a command with telemetry, which is flushed whatever the command comes to.
async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    let is_server = matches!(command, Command::Serve);
    let process = if is_server { Process::Server } else { Process::Command };
    let telemetry = telemetry::start(&config.telemetry, process)?;
    let done = match command {
        Command::Serve => serve::serve(config).await,
        Command::Migrate => commands::migrate(&config).await,
        Command::Openapi => Ok(()),
        Command::Keys(Keys::List) => commands::list_keys(&config).await,
        Command::Keys(Keys::History) => commands::key_history(&config).await,
        Command::Keys(Keys::Rotate) => commands::rotate_keys(&config).await,
        Command::Keys(Keys::Revoke { kid }) => commands::revoke_key(&config, &kid).await,
        Command::Sessions(SessionsOf::End) => sessions::end(&config).await,
        Command::Users(Users::Delete { email }) => users::delete(&config, &email).await,
        Command::Events { after, stream, limit } => {
            commands::events(&config, after, stream.as_deref(), limit).await
        }
        Command::Replay => commands::replay(&config).await,
        Command::Doctor => doctor::doctor(&config).await,
    };
    telemetry.flush_and_shutdown().await;
    done
}

/// Prints what the command was asked for.
fn print(text: &str) -> anyhow::Result<()> {
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
        let Some(Command::Keys(Keys::Revoke { kid })) = arguments.command else {
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
