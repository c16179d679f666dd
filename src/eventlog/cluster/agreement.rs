//! Settings that the nodes of one log must have in common, compared by name when one joins.
//!
//! Only nodes that live count, so a single server is restarted with any settings. In a cluster, nodes that are given
//! another value one after the other name it as changing: then it may differ, for as long as one of the two that are
//! compared says so.

use std::collections::BTreeMap;
use std::fmt;

/// Settings that a node must have in common with others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Variables and their values, without secrets.
    pub settings: BTreeMap<String, String>,
    /// Names of variables that may differ for now.
    pub changing: Vec<String>,
}

/// Another node, with which the settings are compared.
#[derive(Debug)]
pub(super) struct Peer {
    /// Process and machine of the node, for messages.
    pub(super) told: String,
    /// Settings that the node has registered.
    pub(super) agreement: Agreement,
}

/// A setting that two nodes must have in common, and have not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// Environment variable that sets it, for the operator to correct.
    pub variable: String,
    /// Value of the variable in this node.
    pub here: String,
    /// Value of the variable in the other node.
    pub there: String,
    /// Process and machine of the other node.
    pub peer: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, here, there, peer } = self;
        write!(f, "{variable} is {here} here and {there} in {peer}")
    }
}

/// Message that names each disagreement, and the remedy.
pub(super) fn told(disagreements: &[Disagreement]) -> String {
    let each: Vec<_> = disagreements.iter().map(ToString::to_string).collect();
    let mut variables: Vec<_> =
        disagreements.iter().map(|disagreement| disagreement.variable.as_str()).collect();
    variables.dedup();
    format!(
        "the servers that share this database must have the same settings, and {}. Give this one the same, or change them one \
         server after the other with KEYFOLD_CHANGING={}",
        each.join("; "),
        variables.join(",")
    )
}

impl Agreement {
    pub(super) fn to_json(&self) -> String {
        // A map of texts has a JSON form.
        serde_json::to_string(&self.settings).unwrap_or_default()
    }

    /// Reads settings that were stored. Another version may have stored something else: settings that cannot be read are
    /// not compared.
    pub(super) fn of_json(settings: &str, changing: Vec<String>) -> Self {
        Self { settings: serde_json::from_str(settings).unwrap_or_default(), changing }
    }

    /// Disagreements with others, by name of the variable; of several others with an equal value, one is named. A variable
    /// that only one of two versions knows is nothing to agree about.
    pub(super) fn compare(&self, others: &[Peer]) -> Vec<Disagreement> {
        let mut found: Vec<Disagreement> = Vec::new();
        for (variable, here) in &self.settings {
            for Peer { told, agreement } in others {
                let is_changing =
                    self.changing.contains(variable) || agreement.changing.contains(variable);
                let Some(there) = agreement.settings.get(variable) else { continue };
                let is_told = found
                    .last()
                    .is_some_and(|last| last.variable == *variable && last.there == *there);
                if there != here && !is_changing && !is_told {
                    found.push(Disagreement {
                        variable: variable.clone(),
                        here: here.clone(),
                        there: there.clone(),
                        peer: told.clone(),
                    });
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(settings: &[(&str, &str)], changing: &[&str]) -> Agreement {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let changing = changing.iter().map(|name| (*name).to_owned()).collect();
        Agreement { settings: settings.collect(), changing }
    }

    fn peer(told: &str, settings: &[(&str, &str)], changing: &[&str]) -> Peer {
        Peer { told: told.to_owned(), agreement: agreement(settings, changing) }
    }

    fn compared(own: &Agreement, others: &[Peer]) -> Vec<String> {
        own.compare(others).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_differs_is_named_once_with_both_values() {
        let own = agreement(&[("A", "1"), ("B", "2"), ("C", "3")], &[]);
        let others = [
            peer("x", &[("A", "1"), ("B", "9"), ("C", "3")], &[]),
            peer("y", &[("A", "1"), ("B", "9"), ("C", "8")], &[]),
        ];
        let said = ["B is 2 here and 9 in x", "C is 3 here and 8 in y"];
        assert_eq!(compared(&own, &others), said);
        let sentence = told(&own.compare(&others));
        assert!(sentence.contains(&said.join("; ")), "{sentence}");
        assert!(sentence.ends_with("KEYFOLD_CHANGING=B,C"), "{sentence}");
        assert_eq!(compared(&own, &others[..0]), [""; 0]);
    }

    #[test]
    fn what_either_of_two_calls_changing_may_differ() {
        let (old, new) = ([("A", "1"), ("B", "1")], [("A", "2"), ("B", "1")]);
        assert_eq!(compared(&agreement(&new, &["A"]), &[peer("x", &old, &[])]), [""; 0]);
        assert_eq!(compared(&agreement(&old, &[]), &[peer("x", &new, &["A"])]), [""; 0]);
        let other = compared(&agreement(&new, &["B"]), &[peer("x", &old, &["B"])]);
        assert_eq!(other, ["A is 2 here and 1 in x"]);
    }

    #[test]
    fn what_only_one_version_knows_is_nothing_to_agree_about() {
        let own = agreement(&[("A", "1"), ("NEW", "1")], &[]);
        assert_eq!(compared(&own, &[peer("x", &[("A", "1"), ("OLD", "1")], &[])]), [""; 0]);
        let stored = Agreement::of_json(&own.to_json(), Vec::new());
        assert_eq!(stored, own);
        assert_eq!(Agreement::of_json("[1]", Vec::new()), Agreement::default());
    }
}
