//! The plan of one statement, and the check for a scan of a whole table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::tidy::sql::with_single_spaces;

/// Tables that never have more than a few rows.
const SMALL: [&str; 4] = ["jwks", "key_material", "nodes", "refinery_schema_history"];

/// Every index of a schema, with its first column.
pub(super) type Indexes = BTreeMap<String, String>;

/// The plan with which PostgreSQL executed a statement.
pub(super) struct Plan {
    /// The statement, with single spaces.
    pub(super) statement: String,
    report: Value,
}

impl Plan {
    /// The plans in PostgreSQL's log, as `auto_explain` reports them: JSON with a tab before every line.
    pub(super) fn all_in(log: &str) -> Vec<Self> {
        let mut plans = Vec::new();
        let mut report = String::new();
        for line in log.lines() {
            let Some(line) = line.strip_prefix('\t') else { continue };
            if line == "{" {
                report.clear();
            }
            report.push_str(line);
            // The last report may be in the middle of being written.
            if line == "}" {
                plans.push(Self::reported(&report));
            }
        }
        plans
    }

    fn reported(report: &str) -> Self {
        let report: Value =
            serde_json::from_str(report).unwrap_or_else(|error| panic!("{error}: {report}"));
        Self { statement: with_single_spaces(report["Query Text"].as_str().unwrap()), report }
    }

    /// True if a session of the schema executed the statement.
    pub(super) fn is_of(&self, schema: &str) -> bool {
        self.report["Settings"]["search_path"] == schema
    }

    /// The indexes it looks into.
    pub(super) fn indexes(&self) -> BTreeSet<&str> {
        self.nodes().iter().filter_map(|node| node["Index Name"].as_str()).collect()
    }

    /// True if a node of the plan scans the whole of a table that grows.
    pub(super) fn reads_a_whole_table(&self, indexes: &Indexes) -> bool {
        self.nodes().iter().any(|node| reads_whole_table(node, indexes))
    }

    /// Nodes of the plan, parents before children.
    fn nodes(&self) -> Vec<&Value> {
        let mut nodes = vec![&self.report["Plan"]];
        let mut next = 0;
        while let Some(node) = nodes.get(next) {
            nodes.extend(node["Plans"].as_array().into_iter().flatten());
            next += 1;
        }
        nodes
    }

    /// The statement and its plan as text, for failure messages.
    pub(super) fn shown(&self) -> String {
        format!("{}\n{:#}", self.statement, self.report["Plan"])
    }
}

fn reads_whole_table(node: &Value, indexes: &Indexes) -> bool {
    let of = |key: &str| node[key].as_str().unwrap_or_default();
    match of("Node Type") {
        // These nodes read only the rows that the nodes below them found.
        "ModifyTable" | "Bitmap Heap Scan" => false,
        "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => {
            // Without a condition on its first column an index is read from end to end, too.
            let first = indexes.get(of("Index Name")).map_or("", String::as_str);
            !of("Index Cond").contains(&format!("{first} "))
                && !SMALL.contains(&of("Relation Name"))
        }
        _ => node.get("Relation Name").is_some() && !SMALL.contains(&of("Relation Name")),
    }
}
