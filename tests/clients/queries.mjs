// Reads queries of the three languages of Grafana's back ends with the grammars that Grafana's own editors use.
//
// Usage: node queries.mjs, with a JSON array of {language, query} as one line of input. Prints a JSON array: for each query
// {error} if it is none, else {selectors}. A selector of PromQL has its metric and every label that the query speaks of
// where this metric is meant: in matchers, in groupings, in `on` and `ignoring`.

import { createInterface } from "node:readline";

import { parser as logql } from "@grafana/lezer-logql";
import { parser as traceql } from "@grafana/lezer-traceql";
import { parser as promql } from "@prometheus-io/lezer-promql";

const PARSERS = { logql, promql, traceql };

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(JSON.parse(line).map(read)));
}

function read({ language, query }) {
  const tree = PARSERS[language].parse(query);
  const cursor = tree.cursor();
  do {
    if (cursor.type.isError) {
      return { error: `at ${cursor.from}: ${query.slice(cursor.from, cursor.from + 20)}` };
    }
  } while (cursor.next());
  return { selectors: language === "promql" ? selectors(tree.topNode, query, []) : [] };
}

/** The selectors below a node, with the labels that were spoken of on the way to it. */
function selectors(node, query, spoken) {
  if (node.name === "VectorSelector") {
    const name = node.getChild("Identifier");
    const labels = [...spoken, ...named("LabelName", node, query)];
    return [{ metric: name && text(name, query), labels }];
  }
  const here = [...spoken];
  for (const clause of ["AggregateModifier", "MatchingModifierClause"]) {
    for (const modifier of node.getChildren(clause)) {
      here.push(...named("LabelName", modifier, query));
    }
  }
  const found = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    found.push(...selectors(child, query, here));
  }
  return found;
}

/** The texts of all nodes of a name below a node. */
function named(name, node, query) {
  const found = [];
  node.cursor().iterate((inner) => {
    if (inner.name === name) {
      found.push(text(inner, query));
    }
  });
  return found;
}

function text({ from, to }, query) {
  return query.slice(from, to);
}
