//! Sampling of traces by the standard samplers.

use super::standard::{Standard, not_among};
use super::table::{TRACES_SAMPLER, TRACES_SAMPLER_ARG};
use crate::config::read::error::InvalidValue;
use crate::config::read::parse::quoted;
use crate::telemetry::settings::TraceSampling;

const SAMPLERS: [&str; 3] = ["always_on", "always_off", "traceidratio"];
const PARENT_BASED: &str = "parentbased_";

/// The standard sampler, if a known one is named.
pub(crate) fn sampling(standard: &mut Standard<'_>) -> Option<TraceSampling> {
    let named = standard.read(TRACES_SAMPLER.name, sampler);
    let Some((sampler, is_parent_based)) = named else {
        if standard.is_set(TRACES_SAMPLER_ARG.name) {
            let reason = format!("{} does not name a sampler that takes it", TRACES_SAMPLER.name);
            standard.disobey(TRACES_SAMPLER_ARG.name, &reason);
        }
        return None;
    };
    let ratio = standard.read(TRACES_SAMPLER_ARG.name, |value| argument(sampler, value));
    let ratio = match sampler {
        "always_off" => 0.0,
        "traceidratio" => ratio.unwrap_or(1.0),
        _ => 1.0,
    };
    Some(TraceSampling::Standard { ratio, is_parent_based })
}

/// Remarks that another variable overrides the standard sampler.
pub(crate) fn disobey_sampler(standard: &mut Standard<'_>, other: &str) {
    for variable in [&TRACES_SAMPLER, &TRACES_SAMPLER_ARG] {
        if standard.is_set(variable.name) {
            standard.disobey(variable.name, &format!("{other} takes precedence"));
        }
    }
}

/// Sampler of traces that begin here, and true if it asks the parent first.
fn sampler(value: &str) -> Result<(&'static str, bool), InvalidValue> {
    let lower = value.to_ascii_lowercase();
    let (root, is_parent_based) =
        lower.strip_prefix(PARENT_BASED).map_or((&*lower, false), |root| (root, true));
    let known = SAMPLERS.iter().find(|known| **known == root);
    let wrong = || {
        let expected = format!("{}, perhaps after {PARENT_BASED}", SAMPLERS.join(", "));
        InvalidValue { expected, ..not_among(value, &SAMPLERS) }
    };
    known.map(|known| (*known, is_parent_based)).ok_or_else(wrong)
}

fn argument(sampler: &str, value: &str) -> Result<f64, InvalidValue> {
    let wrong = |expected: String| InvalidValue::new(format!("is {}", quoted(value)), expected);
    if sampler != "traceidratio" {
        return Err(wrong(format!("nothing, as {sampler} takes none")));
    }
    let ratio = value.trim().parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| wrong("a ratio from 0 to 1".to_owned()))
}
