//! Report of a run, on the screen and in `benches/HOSTILE.md`.

use std::fmt::Write as _;

use crate::rules::{Figures, LEAST_WRITES, MOST_LATENCY, MOST_MEMORY, MOST_RECOVERY, Speed};
use crate::run::{Findings, Row};
use crate::text::grouped;

/// Description of the method, for the report.
const METHOD: &str = include_str!("method.md");

/// Result of an attack as one line for the screen.
pub fn line(row: &Row) -> String {
    let measured = &row.measured;
    let missed = measured.missed();
    let verdict = if missed.is_empty() {
        "met".to_owned()
    } else {
        format!("NOT MET: {}", missed.join(", "))
    };
    let wrong: Vec<_> =
        row.wrong.iter().take(3).map(|wrong| format!("\n    WRONG {wrong}")).collect();
    format!(
        "writes {} → {} (harmless {}, {:.2} cores), p99 {} → {}, reads {} → {}, refused {}, {} MB, normal after {}: {verdict} [{}]{}",
        number(row.before.writes.rate),
        number(measured.during.writes.rate),
        number(measured.harmless.writes.rate),
        row.cores,
        milliseconds(row.before.writes),
        milliseconds(measured.during.writes),
        number(row.before.reads.rate),
        number(measured.during.reads.rate),
        measured.during.refused,
        number(measured.peak),
        recovery(measured.normal),
        row.answered,
        wrong.concat(),
    )
}

/// Complete text of `HOSTILE.md`.
pub fn document(findings: &Findings, machine: &[(&str, String)]) -> String {
    let date = keyfold::base::clock::Clock::system().now().to_string();
    let date = date.split('T').next().unwrap_or_default();
    let mut text = format!(
        "# What `make hostile` found\n\nWritten by `make hostile` on {date}, in {:.1} minutes: {} attacks, one after the other, on \
         a server with {}, while sixteen honest clients worked.\n\n",
        findings.took.as_secs_f64() / 60.0,
        findings.rows.len(),
        if findings.bounded { "`KEYFOLD_MEMORY=400MB`" } else { "no bound of its memory" },
    );
    for (name, value) in machine {
        let _ = writeln!(text, "* {name}: {value}");
    }
    let _ = write!(text, "\n{}", summary(findings));
    let _ = write!(text, "\n## Goals\n\n{}", goals(findings));
    let _ = write!(text, "\n## Honest clients\n\n{}", honest(findings));
    let _ = write!(text, "\n## Attacks\n\n{}", attacks(findings));
    let _ = write!(text, "\n{METHOD}");
    text
}

fn summary(findings: &Findings) -> String {
    let met = findings.rows.iter().filter(|row| row.measured.missed().is_empty()).count();
    let wrong: usize = findings.rows.iter().map(|row| row.wrong.len()).sum();
    let highest = findings.rows.iter().map(|row| row.measured.peak).fold(0.0, f64::max);
    let mut text = format!(
        "**{met} of {} attacks met every goal.** {wrong} answers to honest clients were wrong; after the last attack the server was \
         started anew, and **{} acknowledged changes were lost**. The most memory that the process had was {} MB.\n",
        findings.rows.len(),
        findings.lost.len(),
        number(highest),
    );
    for (attack, why) in &findings.unplayed {
        let _ = writeln!(text, "\n**{} could not be played**: {why}", attack.name);
    }
    for lost in &findings.lost {
        let _ = writeln!(text, "\n* {lost}");
    }
    text
}

fn goals(findings: &Findings) -> String {
    let mut text = format!(
        "Beside harmless work of the same size: writes ≥ {LEAST_WRITES} ×, p99 of reads and of writes ≤ {MOST_LATENCY} ×. Memory ≤ \
         {MOST_MEMORY} MB, as before within {MOST_RECOVERY} s, nothing lost. What \
         nobody could serve through, whatever the server does, is judged by what comes after it. An attack with a + is a variation: \
         a further one of its kind, and not the fault by which the kind became known.\n\n\
         | attack | uses up | writes | p99 | peak memory | as before after | wrong or lost | |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in &findings.rows {
        let measured = &row.measured;
        let missed = measured.missed();
        let verdict = if missed.is_empty() {
            "met".to_owned()
        } else {
            format!("**not met**: {}", missed.join(", "))
        };
        let _ = writeln!(
            text,
            "| {}{} | {} | {} | {} | {} MB | {} | {} | {verdict} |",
            row.attack.name,
            if row.attack.is_variation { " +" } else { "" },
            row.attack.kind,
            if measured.stops_service { "–".to_owned() } else { ratio(measured.writes()) },
            if measured.stops_service { "–".to_owned() } else { ratio(measured.latency()) },
            number(measured.peak),
            recovery(measured.normal),
            measured.wrong,
        );
    }
    text
}

fn honest(findings: &Findings) -> String {
    let mut text = String::from(
        "Requests done per second and the 99th percentile of their latency. *Harmless* is beside work that takes as many cores as \
         the attack does when it is played alone; without a figure the attack takes none, and before is what it is compared with. \
         *Refused* are requests of honest clients that were refused or never answered during the attack.\n\n\
         | attack | | before | during | harmless | after | cores | refused |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in &findings.rows {
        let measured = &row.measured;
        for (name, of) in [
            ("writes", (|figures| figures.writes) as fn(&Figures) -> Speed),
            ("reads", |figures| figures.reads),
        ] {
            let is_first = name == "writes";
            let _ = writeln!(
                text,
                "| {} | {name} | {} | {} | {} | {} | {} | {} |",
                if is_first { row.attack.name } else { "" },
                speed(of(&row.before)),
                speed(of(&measured.during)),
                speed(of(&measured.harmless)),
                speed(of(&row.after)),
                if is_first { format!("{:.2}", row.cores) } else { String::new() },
                if is_first { measured.during.refused.to_string() } else { String::new() },
            );
        }
    }
    text
}

fn attacks(findings: &Findings) -> String {
    let mut text = String::new();
    for row in &findings.rows {
        let _ = writeln!(
            text,
            "* **{}** ({} s): {}. Answered: {}.",
            row.attack.name,
            row.attack.seconds,
            row.attack.what,
            if row.answered.is_empty() { "nothing" } else { &row.answered },
        );
        for wrong in row.wrong.iter().take(5) {
            let _ = writeln!(text, "  * wrong: {wrong}");
        }
    }
    text
}

fn speed(speed: Speed) -> String {
    format!("{}/s, {}", number(speed.rate), milliseconds(speed))
}

fn milliseconds(speed: Speed) -> String {
    if speed.p99.is_finite() { format!("{} ms", number(speed.p99)) } else { "–".to_owned() }
}

fn ratio(ratio: f64) -> String {
    if ratio.is_finite() { format!("{ratio:.2} ×") } else { "–".to_owned() }
}

fn recovery(normal: Option<f64>) -> String {
    normal.map_or_else(|| "> 10 s".to_owned(), |after| format!("{after:.1} s"))
}

/// One decimal below ten, whole numbers with thousands separators above, and a dash for infinity.
fn number(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.1}"),
        value if value.is_finite() => grouped(&format!("{value:.0}")),
        _ => "–".to_owned(),
    }
}
