//! Content negotiation: the weights of `Accept` and `Accept-Encoding` (RFC 9110, sections 12.4.2, 12.5.1 and 12.5.3).

/// Weight from 0 to 1 that a list gives to an item under its `names`, the most specific first: `text/csv`, `text/*` and
/// `*/*` for instance. An item that is not named weighs nothing.
pub(crate) fn weight(list: &str, names: &[&str]) -> f32 {
    let weights = || list.split(',').map(weighted);
    let find = |name: &&str| weights().find(|(item, _)| item.eq_ignore_ascii_case(name));
    names.iter().find_map(find).map_or(0.0, |(_, weight)| weight)
}

/// Splits an element of a list into name and weight. A weight that cannot be read counts as 0.
fn weighted(element: &str) -> (&str, f32) {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let weight = weight.map_or(Some(1.0), |weight| weight.trim().parse().ok());
    (name, weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_name_in_a_list_gives_the_weight() {
        let csv = ["text/csv", "text/*", "*/*"];
        for (list, expected) in [
            ("text/csv", 1.0),
            ("Text/CSV;charset=utf-8;q=0.5", 0.5),
            ("*/*;q=0.9, text/*;q=0.2", 0.2),
            ("application/json, text/csv; q=0", 0.0),
            ("*/*", 1.0),
            ("application/json", 0.0),
            ("text/csv;q=2", 0.0),
            ("text/csv;q=x", 0.0),
            ("", 0.0),
        ] {
            let given = weight(list, &csv);
            assert!((given - expected).abs() < f32::EPSILON, "{list}: {given}");
        }
    }
}
