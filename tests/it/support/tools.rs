//! Tools of other ecosystems, which `make test` installs. A missing one fails its test.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Longest time a tool may take: on a busy machine the TypeScript compiler needs most of it.
const PATIENCE: Duration = Duration::from_mins(5);

/// A directory beside this one.
pub fn tests(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Node with a script, and with the packages of a directory's `package-lock.json`.
pub fn node(packages: &Path, script: &Path) -> Command {
    installed(packages.join("node_modules"));
    // `make test` unpacks a Node if the system's is too old.
    let mut command = program("node");
    command.arg(script);
    command
}

/// A program that `make test` unpacked, else the system's, which Debian may have where only root's `PATH` leads.
pub fn program(name: &str) -> Command {
    let places = [target().join("tools"), "/usr/sbin".into()];
    let found = places.into_iter().map(|place| place.join(name)).find(|path| path.exists());
    Command::new(found.unwrap_or_else(|| name.into()))
}

/// Python with the packages of `requirements.txt`.
pub fn python() -> Command {
    Command::new(installed(target().join("venv/bin/python")))
}

/// Cargo's target directory.
pub fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

#[track_caller]
fn installed(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing: run `make test`, which installs it", path.display());
    path
}

/// Output of a command, which has to succeed.
pub async fn run(command: &mut Command) -> String {
    Tool::start(command).printed().await
}

/// A tool that runs. It ends with its test.
pub struct Tool {
    /// Command line, for failure messages.
    call: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    errors: JoinHandle<String>,
    /// Output so far.
    printed: String,
    deadline: Instant,
}

impl Tool {
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let call = format!("{:?}", command.as_std());
        let mut child = command.kill_on_drop(true).spawn().unwrap_or_else(|error| {
            panic!("{call}: {error}: run `make test`, which installs what tests need")
        });
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let errors = tokio::spawn(async move {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes).await;
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let (lines, deadline) = (BufReader::new(output).lines(), Instant::now() + PATIENCE);
        Self { call, child, input, lines, errors, printed: String::new(), deadline }
    }

    /// Next line of the output; none at its end.
    pub async fn line(&mut self) -> Option<String> {
        let line = tokio::time::timeout_at(self.deadline, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| {
            panic!("{} runs for more than {PATIENCE:?}\n{}", self.call, self.printed)
        });
        let line = line.unwrap();
        self.printed.extend(line.iter().flat_map(|line| [line, "\n"]));
        line
    }

    /// Output so far.
    pub fn so_far(&self) -> &str {
        &self.printed
    }

    /// Writes a line to its standard input.
    pub async fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Whole output of the tool, which has to succeed.
    pub async fn printed(mut self) -> String {
        // End of its standard input.
        self.input = None;
        while self.line().await.is_some() {}
        let status = self.child.wait().await.unwrap();
        let errors = self.errors.await.unwrap();
        assert!(status.success(), "{}: {status}\n{}\n{errors}", self.call, self.printed);
        self.printed
    }
}
