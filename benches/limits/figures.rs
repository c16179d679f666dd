//! Measurements: figures of single runs, and rows that put a workload beside its limit.
//!
//! A ratio compares runs made one right after the other, so that drift in the machine's speed affects both sides alike; the
//! ratio of a row is the median of its pairs.

use std::future::Future;

use crate::processor::Shares;

/// Runs of a workload that has no limit to compare with.
pub const RUNS: usize = 3;
/// Pairs of runs, limit and workload in turn. Many short runs, because the speed of machines drifts.
pub const PAIRS: usize = 5;

/// Result of one run.
#[derive(Debug, Clone, Default)]
pub struct Figure {
    /// Measured value, in the unit of its row.
    pub value: f64,
    /// Mean latency in milliseconds.
    pub average: Option<f64>,
    /// Median latency in milliseconds.
    pub p50: Option<f64>,
    /// 99th percentile of the latency in milliseconds.
    pub p99: Option<f64>,
    /// Shares of the processor time by server, PostgreSQL and the rest.
    pub shares: Option<Shares>,
}

impl Figure {
    /// A figure that has a value and no latencies.
    pub fn of(value: f64) -> Self {
        Self { value, ..Self::default() }
    }
}

/// Goal of a row.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// Smallest acceptable median ratio to the limit.
    RatioAtLeast(f64),
    /// Largest acceptable median ratio to the limit, for figures where less is better.
    RatioAtMost(f64),
    /// Smallest acceptable median figure.
    AtLeast(f64),
    /// Largest acceptable median figure, for figures where less is better.
    AtMost(f64),
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// Name of the workload that Keyfold served.
    pub workload: String,
    /// Unit of the figures on both sides.
    pub unit: &'static str,
    /// Runs of Keyfold.
    pub runs: Vec<Figure>,
    /// Name and runs of the limit that the workload is compared with.
    pub limit: Option<(String, Vec<Figure>)>,
    /// Goal that decides between "met" and "not met".
    pub goal: Goal,
    /// Explanation of the bottleneck for rows whose processor shares do not show it: stated, not measured.
    pub bottleneck: Option<String>,
}

impl Row {
    /// A row without a limit, judged by its own figures.
    pub fn alone(
        workload: impl Into<String>,
        unit: &'static str,
        runs: Vec<Figure>,
        goal: Goal,
    ) -> Self {
        Self { workload: workload.into(), unit, runs, limit: None, goal, bottleneck: None }
    }

    /// Adds the limit and its runs.
    pub fn beside(mut self, limit: impl Into<String>, runs: Vec<Figure>) -> Self {
        self.limit = Some((limit.into(), runs));
        self
    }

    /// Adds an explanation of the bottleneck.
    pub fn held_by(mut self, bottleneck: impl Into<String>) -> Self {
        self.bottleneck = Some(bottleneck.into());
        self
    }

    /// Median of the ratios of the pairs; `None` without a limit.
    pub fn ratio(&self) -> Option<f64> {
        let (_, limits) = self.limit.as_ref()?;
        let pairs = self.runs.iter().zip(limits);
        Some(median(pairs.map(|(run, limit)| run.value / limit.value)))
    }

    /// Returns true if the goal is reached; `None` if the goal is a ratio and the row has no limit.
    pub fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::RatioAtLeast(goal) => self.ratio().map(|ratio| ratio >= goal),
            Goal::RatioAtMost(goal) => self.ratio().map(|ratio| ratio <= goal),
            Goal::AtLeast(goal) => Some(values(&self.runs) >= goal),
            Goal::AtMost(goal) => Some(values(&self.runs) <= goal),
        }
    }
}

/// Median of the values of the runs.
pub fn values(runs: &[Figure]) -> f64 {
    median(runs.iter().map(|run| run.value))
}

/// Median; the mean of the two middle numbers if their count is even.
pub fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let middle = |index: usize| numbers.get(index).copied().unwrap_or(f64::NAN);
    let half = numbers.len() / 2;
    if numbers.len() % 2 == 1 {
        middle(half)
    } else {
        f64::midpoint(middle(half.wrapping_sub(1)), middle(half))
    }
}

/// Measures a workload and its limit in turn: limit, workload, limit, workload, …
///
/// # Errors
///
/// If a measurement fails.
pub async fn in_turn<A, B>(
    mut workload: impl FnMut(usize) -> A,
    mut limit: impl FnMut(usize) -> B,
) -> anyhow::Result<(Vec<Figure>, Vec<Figure>)>
where
    A: Future<Output = anyhow::Result<Figure>>,
    B: Future<Output = anyhow::Result<Figure>>,
{
    let (mut runs, mut limits) = (Vec::new(), Vec::new());
    for number in 0..PAIRS {
        limits.push(limit(number).await?);
        runs.push(workload(number).await?);
    }
    Ok((runs, limits))
}
