//! The table of results, on the screen and in `benches/RESULTS.md`.

use std::fmt::Write as _;

use crate::figures::{Figure, Goal, Row, median};
use crate::processor::Shares;

/// Renders the rows as a Markdown table.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| workload | Keyfold: median (min–max) | p50 / p99 ms | limit: median (min–max) | ratio | goal | | what it waits for |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let (limit, limits) = match &row.limit {
            Some((name, runs)) => (format!("{} {name}", spread(runs, row.unit)), runs.as_slice()),
            None => ("–".to_owned(), &[] as &[Figure]),
        };
        let ratio = row.ratio().map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2} ×"));
        let met = match row.is_met() {
            Some(true) => "met",
            Some(false) => "**not met**",
            None => "",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {limit} | {ratio} | {} | {met} | {} |",
            row.workload,
            spread(&row.runs, row.unit),
            latencies(row),
            goal(row),
            bottleneck(row, limits),
        );
    }
    text
}

fn goal(row: &Row) -> String {
    match row.goal {
        Goal::RatioAtLeast(goal) => format!("≥ {goal} ×"),
        Goal::RatioAtMost(goal) => format!("≤ {goal} ×"),
        Goal::AtLeast(goal) => format!("≥ {}", amount(goal, row.unit)),
        Goal::AtMost(goal) => format!("≤ {}", amount(goal, row.unit)),
    }
}

fn latencies(row: &Row) -> String {
    let middle = |of: fn(&Figure) -> Option<f64>| {
        let known: Vec<f64> = row.runs.iter().filter_map(of).collect();
        (!known.is_empty()).then(|| median(known.into_iter()))
    };
    match (middle(|run| run.p50), middle(|run| run.p99)) {
        (Some(p50), Some(p99)) => format!("{p50:.2} / {p99:.2}"),
        _ => "–".to_owned(),
    }
}

/// Explanation of the bottleneck, or the processor shares in the run with the median figure, for Keyfold and for the limit.
fn bottleneck(row: &Row, limits: &[Figure]) -> String {
    if let Some(bottleneck) = &row.bottleneck {
        return format!("({bottleneck})");
    }
    let described = |runs: &[Figure]| {
        middle_run(runs).and_then(|run| run.shares.as_ref()).map(Shares::describe)
    };
    match (described(&row.runs), described(limits)) {
        (Some(own), Some(limit)) => format!("{own} (limit: {limit})"),
        (Some(own), None) => own,
        (None, _) => "–".to_owned(),
    }
}

fn middle_run(runs: &[Figure]) -> Option<&Figure> {
    let mut sorted: Vec<_> = runs.iter().collect();
    sorted.sort_by(|one, other| one.value.total_cmp(&other.value));
    sorted.get(sorted.len() / 2).copied()
}

fn spread(runs: &[Figure], unit: &str) -> String {
    let values = || runs.iter().map(|run| run.value);
    let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    format!("{} ({}–{})", amount(median(values()), unit), number(least), number(most))
}

fn amount(value: f64, unit: &str) -> String {
    let space = if unit.starts_with('/') { "" } else { " " };
    format!("{}{space}{unit}", number(value))
}

/// Three significant digits below 100; whole numbers with thousands separators above.
fn number(value: f64) -> String {
    if value < 100.0 {
        let decimals = if value < 10.0 { 2 } else { 1 };
        let text = format!("{value:.decimals$}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    crate::text::grouped(&format!("{value:.0}"))
}

/// Complete text of `RESULTS.md`.
pub fn document(
    rows: &[Row],
    machine: &[(&str, String)],
    date: &str,
    took: std::time::Duration,
    notes: &str,
) -> String {
    let mut text = format!(
        "# What `make bench` measured\n\n\
         Written by `make bench` on {date}, in {:.1} minutes. Every workload and its limit ran in turn, in the same run, on the same \
         cores as the load generator and PostgreSQL; each at least {} times. Ratios are medians of neighbouring pairs and say more \
         than the absolute figures, which are this machine's.\n\n",
        took.as_secs_f64() / 60.0,
        crate::figures::RUNS,
    );
    for (name, value) in machine {
        let _ = writeln!(text, "* {name}: {value}");
    }
    let _ = write!(text, "\n{}", table(rows));
    let _ = write!(text, "\n{notes}");
    text
}
