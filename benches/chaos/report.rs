//! Report of a run, in plain words.

use std::fmt::Write as _;
use std::time::Duration;

use crate::Plan;
use crate::checker::history::Outcome;
use crate::clients::load::Load;
use crate::clients::recorder::Tally;
use crate::faults::Fault;
use crate::lag::Lag;
use crate::probe::BOUND;
use crate::run::{Findings, Injected};

/// Definitions of the checks.
const MEANINGS: &str = "\
* **No lost write.** Every create, change and delete that was answered as done is in the event log.
* **Refused is refused.** No change that was answered as not done (`4xx`, `UNAVAILABLE`, `OVERLOADED`) is in the log.
* **Once.** No change is in the log twice.
* **In order.** A change takes its place in its list after everything that was known when its request began.
* **Read your writes.** No read shows a state from before a change that was answered as done when the read began, whichever
  node answered either.
* **Monotonic.** No read shows a state from before the state that an earlier finished read showed, whichever node answered.
* **Explained.** Every list that was read is exactly what the list was at one version of the log.
* **Unknown is either.** A change of unknown outcome (no answer, `OUTCOME_UNKNOWN`, nginx' 502 and 504) may be there or not;
  once seen it stays.
* **Signed out is signed out.** No cookie, session token or access token is accepted by a request that began after its
  sign-out was answered, or after it had been refused once; ended sessions are tried again and again until the run ends.
* **Signed in is signed in.** No credential of a session that nobody tried to end is refused as ended.
* **Whole.** The log has no hole, and at the end the standby has every event of the primary.

The order of the log is the order of versions, so these together are a complete check that every list is linearizable, not
a sample. The checker's own tests (`tests/it/benches/chaos_checker.rs`, part of `make test`) show it a history with each
kind of violation, which it finds.
";

/// Configuration of the cluster under test.
const SET_UP: &str = "\
* Three server processes of the release build, `KEYFOLD_CLUSTER=true`, `KEYFOLD_SNAPSHOT_EVERY=50`, everything else at its
  default; `DATABASE_URL` names both databases with `target_session_attrs=read-write`.
* PostgreSQL primary and standby over TCP with SCRAM, fsync on, `synchronous_commit=on`, `synchronous_standby_names` naming
  the standby. A promoted standby waits for nobody until a new standby has been made from it by `pg_basebackup`.
* A primary dies with all its processes at once, as on a machine that loses power. When only its postmaster dies, PostgreSQL
  makes commits that still wait for the standby visible for some milliseconds before the last process has ended
  (`SyncRepWaitForLSN`). Whoever reads one then and is answered sees what the fail-over takes back; no client can prevent that.
* nginx before them on two ports, in turn and by consistent hash of the user id. GET is repeated at another node when one
  fails; POST and PATCH only while nothing has been sent; PUT and DELETE never.
";

/// Complete text of the report.
pub fn document(plan: &Plan, findings: &Findings, machine: &[(&str, String)]) -> String {
    let date = keyfold::base::clock::Clock::system().now().to_string();
    let date = date.split('T').next().unwrap_or_default();
    let mut text = format!(
        "# What `make chaos` found\n\nWritten by `make chaos` on {date}, in {:.1} minutes: every fault {} times, one after the \
         other, and those that take long on clusters of their own at the same time, while clients went on without a pause.\n\n",
        findings.took.as_secs_f64() / 60.0,
        plan.rounds,
    );
    for (name, value) in machine {
        let _ = writeln!(text, "* {name}: {value}");
    }
    let _ = write!(text, "\n{}", totals(findings));
    let _ = write!(text, "\n## Faults\n\n{}", faults(plan, findings));
    let _ = write!(text, "\n## Sign-outs\n\n{}", sign_outs(&findings.lag));
    let _ = write!(text, "\n## What is checked\n\n{MEANINGS}");
    let _ = write!(text, "\n## Set-up\n\n{SET_UP}");
    text
}

fn totals(findings: &Findings) -> String {
    let all = || findings.tormented.iter();
    let counts = Counts::of(all().flat_map(|tormented| &tormented.tallies));
    let checks = all().map(|tormented| tormented.verdict.checks).sum::<u64>();
    let mut text = format!(
        "{} clients of 8 users on each cluster, some of whom share a session, made {} requests: {} done, {} refused \
         (an ended session, a deleted task), {} not done (`503`, or no connection), {} of unknown outcome; {} had an answer \
         that no server should give (`500`, `400`). The checker made {} comparisons and found **{} \
         violations**.\n",
        Load::clients(),
        grouped(counts.done + counts.refused + counts.failed + counts.unknown),
        grouped(counts.done),
        grouped(counts.refused),
        grouped(counts.failed),
        grouped(counts.unknown),
        grouped(counts.unexpected),
        grouped(usize::try_from(checks).unwrap_or(usize::MAX)),
        findings.violations(),
    );
    for violation in all().flat_map(|tormented| &tormented.verdict.violations) {
        let _ = writeln!(text, "\n* {violation}");
    }
    text
}

fn faults(plan: &Plan, findings: &Findings) -> String {
    let mut text = format!(
        "Requests count from the moment a fault begins to the moment everything is as it was before. Service is back when a \
         write and then a read succeed: through nginx, and through every one of the nodes. More than {} s would have failed \
         the run.\n\n\
         | fault | times | done | refused | not done | unknown | back through nginx, median / worst | through every node | violations |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        BOUND.as_secs(),
    );
    for (name, fault) in &plan.faults {
        let _ = writeln!(text, "{}", row(name, *fault, findings));
    }
    text.push('\n');
    for (name, fault) in &plan.faults {
        let _ = writeln!(text, "* **{name}**: {}.", fault.description());
    }
    text
}

fn row(name: &str, fault: Fault, findings: &Findings) -> String {
    let is_of = |injected: &&Injected| injected.fault == fault;
    // Every fault was injected into one cluster only.
    let tormented =
        findings.tormented.iter().find(|tormented| tormented.injected.iter().any(|i| is_of(&i)));
    let of_fault: Vec<&Injected> =
        tormented.iter().flat_map(|tormented| tormented.injected.iter().filter(is_of)).collect();
    let during = |span| of_fault.iter().any(|injected| injected.covers(span));
    let tallies = tormented.iter().flat_map(|tormented| &tormented.tallies);
    let counts = Counts::of(tallies.filter(|tally| during(tally.span)));
    let violations = tormented.iter().flat_map(|tormented| &tormented.verdict.violations);
    let violations = violations.filter(|found| during(found.span)).count();
    let seconds = |of: fn(&Injected) -> Duration| {
        let took = of_fault.iter().map(|injected| of(injected).as_secs_f64()).collect();
        let sorted = Sorted::of(took);
        format!("{:.2} / {:.2} s", sorted.at(0.5), sorted.at(1.0))
    };
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} | {violations} |",
        of_fault.len(),
        grouped(counts.done),
        grouped(counts.refused),
        grouped(counts.failed),
        grouped(counts.unknown),
        seconds(|injected| injected.recovery.nginx),
        seconds(|injected| injected.recovery.nodes),
    )
}

fn sign_outs(lag: &Lag) -> String {
    let mut text = format!(
        "{} sign-outs, one after the other, before the faults began. Right after each answer the access token was sent to the \
         same node and the cookie to another: **{} of these {} requests were accepted**. How long is therefore not a question \
         of lag but of round trips:\n\n| | median | 99 % |\n|---|---|---|\n",
        lag.sign_out.len(),
        lag.accepted,
        lag.same_node.len() + lag.other_node.len(),
    );
    for (name, values) in [
        ("sign-out, from request to answer", &lag.sign_out),
        ("refusal at the same node", &lag.same_node),
        ("refusal at another node", &lag.other_node),
        ("from the answer to the notification that other nodes get", &lag.notification),
    ] {
        let sorted = Sorted::of(values.clone());
        let _ = writeln!(text, "| {name} | {:.2} ms | {:.2} ms |", sorted.at(0.5), sorted.at(0.99));
    }
    text.push_str(
        "\nThe last line is when another node learns of it without being asked, as a listener of the same notifications beside \
         them hears it (negative: before the client had its answer). Other nodes do not rely on it: the freshness check that \
         precedes every answer reads the database.\n",
    );
    text
}

#[derive(Debug, Default)]
struct Counts {
    done: usize,
    refused: usize,
    failed: usize,
    unknown: usize,
    unexpected: usize,
}

impl Counts {
    fn of<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Self {
        let mut counts = Self::default();
        for tally in tallies {
            match tally.outcome {
                Outcome::Done => counts.done += 1,
                Outcome::Failed if tally.refused => counts.refused += 1,
                Outcome::Failed => counts.failed += 1,
                Outcome::Unknown => counts.unknown += 1,
            }
            counts.unexpected += usize::from(tally.unexpected);
        }
        counts
    }
}

/// Figures in ascending order.
struct Sorted(Vec<f64>);

impl Sorted {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// Percentile of the figures; `share` is from 0 to 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among some hundred figures"
    )]
    fn at(&self, share: f64) -> f64 {
        let place = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }
}

/// A number with thousands separators.
fn grouped(number: usize) -> String {
    crate::text::grouped(&number.to_string())
}
