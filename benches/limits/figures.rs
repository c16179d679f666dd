//! What is measured: figures of single runs, and rows of a workload beside its limit.
//!
//! A ratio compares runs that were made one right after the other, so that a machine whose speed drifts treats both
//! sides alike; the ratio of a row is the median of its pairs.

use std::future::Future;

use crate::processor::Shares;

/// How often what has no limit beside it is measured.
pub const RUNS: usize = 3;
/// How often a workload and its limit are measured in turn. Short runs and many, because machines change their speed.
pub const PAIRS: usize = 5;

/// What one run came to.
#[derive(Debug, Clone, Default)]
pub struct Figure {
    /// The figure itself, in the unit of its row.
    pub value: f64,
    /// Milliseconds that an answer took on average.
    pub average: Option<f64>,
    /// Half of the answers came within this many milliseconds.
    pub p50: Option<f64>,
    /// Of a hundred answers, 99 came within this many milliseconds.
    pub p99: Option<f64>,
    /// Who used the processor.
    pub shares: Option<Shares>,
}

impl Figure {
    /// A figure without latencies.
    pub fn of(value: f64) -> Self {
        Self { value, ..Self::default() }
    }
}

/// What a row has to reach.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// Median ratio to the limit.
    RatioAtLeast(f64),
    /// Median ratio to the limit, where less is better.
    RatioAtMost(f64),
    /// Median figure.
    AtLeast(f64),
    /// Median figure, where less is better.
    AtMost(f64),
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// What Keyfold was asked to do.
    pub workload: String,
    /// The unit of its figures and of its limit's.
    pub unit: &'static str,
    /// Keyfold's runs.
    pub runs: Vec<Figure>,
    /// What it is compared with, and the runs of that.
    pub limit: Option<(String, Vec<Figure>)>,
    /// What it has to reach.
    pub goal: Goal,
    /// What it waits for, where the shares of the processor do not say: an explanation and no measurement.
    pub bottleneck: Option<String>,
}

impl Row {
    /// A row of figures that stand for themselves.
    pub fn alone(
        workload: impl Into<String>,
        unit: &'static str,
        runs: Vec<Figure>,
        goal: Goal,
    ) -> Self {
        Self { workload: workload.into(), unit, runs, limit: None, goal, bottleneck: None }
    }

    /// The same beside a limit.
    pub fn beside(mut self, limit: impl Into<String>, runs: Vec<Figure>) -> Self {
        self.limit = Some((limit.into(), runs));
        self
    }

    /// The same with an explanation of what holds it.
    pub fn held_by(mut self, bottleneck: impl Into<String>) -> Self {
        self.bottleneck = Some(bottleneck.into());
        self
    }

    /// The median ratio to the limit.
    pub fn ratio(&self) -> Option<f64> {
        let (_, limits) = self.limit.as_ref()?;
        let pairs = self.runs.iter().zip(limits);
        Some(median(pairs.map(|(run, limit)| run.value / limit.value)))
    }

    /// Whether the goal is reached; nothing where there is none.
    pub fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::RatioAtLeast(goal) => self.ratio().map(|ratio| ratio >= goal),
            Goal::RatioAtMost(goal) => self.ratio().map(|ratio| ratio <= goal),
            Goal::AtLeast(goal) => Some(values(&self.runs) >= goal),
            Goal::AtMost(goal) => Some(values(&self.runs) <= goal),
        }
    }
}

/// The median of the figures themselves.
pub fn values(runs: &[Figure]) -> f64 {
    median(runs.iter().map(|run| run.value))
}

/// The middle of the numbers; the mean of the two middle ones when their count is even.
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
/// When a measurement fails.
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
