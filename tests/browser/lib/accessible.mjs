// Whether people can use a page with whatever they have: the rules of WCAG 2.2 AA and what axe calls best practice.

import axe from "axe-core";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Fails with every rule that a page breaks, and where. */
export async function assertAccessible(page) {
  const runsScripts = await page.evaluate(() => matchMedia("(scripting: enabled)").matches);
  const violations = runsScripts ? await violationsOf(page) : await violationsOfCopy(page);
  if (violations.length === 0) return;
  throw new Error(`${page.url()} breaks ${violations.length} rules:\n${violations.map(shown).join("\n")}`);
}

async function violationsOf(page) {
  // A debugger may evaluate what the page's own policy would not let it load.
  await page.evaluate(axe.source);
  return (await page.evaluate((rules) => globalThis.axe.run({ runOnly: rules }), RULES)).violations;
}

/** Where scripts do not run axe does not either, so it looks at the same page as people see it, without its scripts. */
async function violationsOfCopy(page) {
  const body = (await page.content()).replaceAll(/<script\b.*?<\/script>|<\/?noscript\b[^>]*>/gs, "");
  const context = await page.context().browser().newContext({ viewport: page.viewportSize() });
  const copy = await context.newPage();
  await copy.route(page.url(), (route) => route.fulfill({ contentType: "text/html; charset=utf-8", body }));
  await copy.goto(page.url());
  return violationsOf(copy).finally(() => context.close());
}

function shown({ id, impact, help, nodes }) {
  const places = nodes.map(({ target, html, failureSummary }) => {
    const why = failureSummary.replaceAll("\n", "\n      ");
    return `    ${target.flat().join(" ")}: ${html}\n      ${why}`;
  });
  return `  ${id} (${impact}): ${help}\n${places.join("\n")}`;
}
