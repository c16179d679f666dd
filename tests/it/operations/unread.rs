//! Output of a server that is not read, or cannot be written: the server goes on, stops when it is told to, and counts lost
//! lines.

use std::fs::{File, OpenOptions};
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use crate::support::app::{SECRET, TestRequest};
use crate::support::process::{DataDirectory, ExternalDatabase, Keyfold, LIMIT, signal, until};
use crate::support::user::TestUser;

/// More lines than any queue keeps come of so many requests, with every line there is.
const REQUESTS: usize = 400;

/// A server whose output is read at the pace of the test.
pub struct Unread {
    child: Child,
    pub url: String,
    metrics: String,
}

/// The binary with redirections, as a shell has them.
fn redirected(redirections: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    let run = format!("exec \"$0\" {redirections}");
    command.args(["-c", &run, env!("CARGO_BIN_EXE_keyfold")]);
    command
}

/// Lines of a pipe, up to one that begins so; the rest of that one.
async fn line(lines: &mut Lines<impl AsyncBufReadExt + Unpin>, beginning: &str) -> String {
    let reading = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, rest)) = line.split_once(beginning) {
                return rest.trim().to_owned();
            }
        }
        panic!("no {beginning}")
    };
    tokio::time::timeout(LIMIT, reading).await.unwrap()
}

/// URLs of the server and of its metrics, as it announces them on standard output.
async fn announced(out: impl AsyncRead + Unpin) -> (String, String) {
    let mut lines = BufReader::new(out).lines();
    let url = line(&mut lines, "  Start page    ").await;
    let metrics = line(&mut lines, "  Metrics       ").await;
    (url.trim_end_matches('/').to_owned(), metrics)
}

impl Unread {
    /// Serves with this as its standard error.
    pub async fn with_error(keyfold: &Keyfold, error: impl Into<Stdio>) -> Self {
        let mut command = redirected("");
        command.stdout(Stdio::piped()).stderr(error);
        let mut child = keyfold.start(command);
        let (url, metrics) = announced(child.stdout.take().unwrap()).await;
        Self { child, url, metrics }
    }

    fn get(&self, path: &str) -> TestRequest {
        TestRequest::new(Method::GET, &self.url, path)
    }

    /// Has more written than any pipe and any queue hold.
    async fn asks_much(&self) {
        let client = Client::new();
        let url = format!("{}/api/auth/session", self.url);
        for _ in 0..REQUESTS {
            let answer = client.get(&url).header("authorization", "Bearer none").send();
            let answer = tokio::time::timeout(LIMIT, answer).await.expect("it answers").unwrap();
            assert_eq!(answer.status(), 401);
        }
    }

    /// Goes on until it has to lose some.
    pub async fn loses_lines(&self) {
        until("lines are lost", async || {
            self.asks_much().await;
            self.lost().await > 0
        })
        .await;
    }

    /// Number of lost lines, as its metrics tell.
    pub async fn lost(&self) -> u64 {
        let text = reqwest::get(&self.metrics).await.unwrap().text().await.unwrap();
        let value = text.lines().find_map(|it| it.strip_prefix("keyfold_log_lines_lost_total "));
        value.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
    }

    /// Asserts that it serves requests and stops when it is told to, whatever it had to write.
    async fn serves_and_stops(mut self) {
        self.get("/health/live").send().await.expect(200);
        self.get("/health/ready").send().await.expect(200);
        TestUser::sign_up(&self.url, "ada@example.com").await;
        signal("TERM", &[self.child.id().unwrap()]);
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await.expect("it stops");
        assert_eq!(ended.unwrap().code(), Some(0));
    }
}

fn talkative(database: &ExternalDatabase) -> Keyfold {
    database.keyfold(SECRET).set("KEYFOLD_LOG", "trace")
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_holds_up_nobody_and_what_is_lost_is_counted_and_told_of_once() {
    let database = ExternalDatabase::new().await;
    let (writer, reader) = pipe::pipe().unwrap();
    let error = Stdio::from(writer.into_blocking_fd().unwrap());
    let server = Unread::with_error(&talkative(&database), error).await;
    server.loses_lines().await;
    server.get("/health/live").send().await.expect(200);
    TestUser::sign_up(&server.url, "grace@example.com").await;
    let lost = server.lost().await;
    assert!(lost > 0);

    // The test reads from now on: every line is whole, and one tells the number of missing lines.
    let mut lines = BufReader::new(reader).lines();
    let told = line(
        &mut lines,
        "log lines were lost: standard error or output was not read in time lines=",
    )
    .await;
    assert!(told.parse::<u64>().unwrap() >= lost, "{told} {lost}");
    let rest = tokio::spawn(async move { while lines.next_line().await.unwrap().is_some() {} });
    server.serves_and_stops().await;
    rest.await.unwrap();
}

#[tokio::test]
async fn lines_are_whole_whoever_reads_them_late() {
    let database = ExternalDatabase::new().await;
    let (writer, reader) = pipe::pipe().unwrap();
    let error = Stdio::from(writer.into_blocking_fd().unwrap());
    let keyfold = talkative(&database).set("KEYFOLD_LOG_FORMAT", "json");
    let server = Unread::with_error(&keyfold, error).await;
    server.loses_lines().await;
    let reading = tokio::spawn(async move {
        let (mut lines, mut told, mut count) = (BufReader::new(reader).lines(), Vec::new(), 0);
        while let Some(line) = lines.next_line().await.unwrap() {
            let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            count += 1;
            if line["message"]
                == "log lines were lost: standard error or output was not read in time"
            {
                told.push(line["fields"]["lines"].as_u64().unwrap());
            }
        }
        (told, count)
    });
    let lost = server.lost().await;
    server.serves_and_stops().await;
    let (told, count) = reading.await.unwrap();
    assert!(told.iter().sum::<u64>() >= lost && lost > 0, "{told:?} {lost}");
    assert!(count > 1_000, "{count}");
}

#[tokio::test]
async fn a_pipe_that_is_never_read_does_not_hold_up_the_end() {
    let database = ExternalDatabase::new().await;
    let (writer, _reader) = pipe::pipe().unwrap();
    let error = Stdio::from(writer.into_blocking_fd().unwrap());
    let server = Unread::with_error(&talkative(&database), error).await;
    server.loses_lines().await;
    server.serves_and_stops().await;
}

#[tokio::test]
async fn a_pipe_whose_reader_has_gone_a_full_disk_and_a_closed_stream_end_nothing() {
    let database = ExternalDatabase::new().await;
    let keyfold = talkative(&database);
    let (writer, reader) = pipe::pipe().unwrap();
    let gone = Stdio::from(writer.into_blocking_fd().unwrap());
    drop(reader);
    let full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
    for error in [gone, Stdio::from(full)] {
        let database = ExternalDatabase::new().await;
        let server = Unread::with_error(&talkative(&database), error).await;
        server.loses_lines().await;
        server.serves_and_stops().await;
    }
    let mut command = redirected("2>&-");
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = keyfold.start(command);
    let (url, metrics) = announced(child.stdout.take().unwrap()).await;
    let server = Unread { child, url, metrics };
    server.asks_much().await;
    // A closed standard error accepts every line.
    assert_eq!(server.lost().await, 0);
    server.serves_and_stops().await;
}

/// A server whose standard output is this.
async fn without_output(redirection: &str, out: Stdio) {
    let database = ExternalDatabase::new().await;
    let mut command = redirected(redirection);
    command.stdout(out).stderr(Stdio::piped());
    let mut child = database.keyfold(SECRET).start(command);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = line(&mut lines, "listening address=").await;
    // Standard output is not read any further.
    let url = format!("http://{}", address.split_whitespace().next().unwrap());
    Unread { child, url, metrics: String::new() }.serves_and_stops().await;
}

#[tokio::test]
async fn standard_output_that_takes_nothing_is_no_hindrance_either() {
    let full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
    without_output("", full.into()).await;
    without_output(">&-", Stdio::null()).await;
    let (writer, reader) = pipe::pipe().unwrap();
    drop(reader);
    without_output("", writer.into_blocking_fd().unwrap().into()).await;
    // Full before anything is written.
    let (writer, _reader) = pipe::pipe().unwrap();
    while writer.try_write(&[b'x'; 4_096]).is_ok() {}
    while writer.try_write(b"x").is_ok() {}
    without_output("", writer.into_blocking_fd().unwrap().into()).await;
}

#[tokio::test]
async fn a_slow_reader_gets_whole_lines_and_a_start_that_fails_says_why_whoever_reads() {
    let directory = DataDirectory::new("unread");
    let file = directory.path();
    std::fs::write(&file, "no directory").unwrap();
    let keyfold = Keyfold::in_directory(&directory);
    // The reader takes a byte at a time.
    let mut command = redirected("");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = keyfold.start(command);
    let (mut error, mut text, mut byte) = (child.stderr.take().unwrap(), Vec::new(), [0]);
    while error.read(&mut byte).await.unwrap() == 1 {
        text.push(byte[0]);
    }
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    let text = String::from_utf8(text).unwrap();
    assert!(text.lines().last().unwrap().starts_with("keyfold: "), "{text}");
    // The pipe is full and is not read.
    let (writer, _reader) = pipe::pipe().unwrap();
    while writer.try_write(&[b'x'; 4_096]).is_ok() {}
    let mut command = redirected("");
    command.stdout(Stdio::null()).stderr(writer.into_blocking_fd().unwrap());
    let mut child = keyfold.start(command);
    let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(1));
    std::fs::remove_file(&file).unwrap();
}
