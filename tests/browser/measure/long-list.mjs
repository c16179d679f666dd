// How fast a list of 10,000 tasks is in a browser: `node long-list.mjs ORIGIN`. Prints one line of JSON: milliseconds each, and how
// many bytes of tasks were read altogether.

import { ADA, signedUp } from "../lib/account.mjs";
import { launch } from "../lib/browser.mjs";
import { person } from "../lib/person.mjs";

const MANY = 10_000;
const AT_ONCE = 1_000;
const CLICKS = 15;

const [origin] = process.argv.slice(2);
const browser = await launch();
const ada = await person(browser, origin);
const account = await signedUp(ada, { ...ADA, email: `ada-${process.pid}@example.com` });
for (let begin = 0; begin < MANY; begin += AT_ONCE) {
  const tasks = Array.from({ length: AT_ONCE }, (_, index) => ({ title: `Task ${begin + index + 1}`, tags: ["home", "garden"], due: "2099-12-24" }));
  await account.ask("POST", `/api/${account.id}/tasks/import`, { tasks });
}

const page = await ada.context.newPage();
let bytes = 0;
page.on("response", async (response) => {
  if (/^\/api\/[^/]+\/tasks$/.test(new URL(response.url()).pathname)) bytes += (await response.body().catch(() => "")).length;
});
await page.goto(account.tasks, { waitUntil: "commit" });
const row = (title) => page.locator("#list li").filter({ has: page.getByText(title, { exact: true }) });
await row("Task 1").getByRole("button", { name: /^Complete/ }).waitFor();
await page.locator("[data-handle]").first().waitFor();
// As the page itself counts, from the moment it was asked for.
const firstRows = await page.evaluate(() => performance.now());
const begun = performance.now();
while ((await page.locator("#list li").count()) < MANY) await page.keyboard.press("End");
const everything = performance.now() - begun;

/** From a click to the frame that shows what it did, by the page's own clock. */
const click = (number) =>
  page.evaluate(async (number) => {
    const row = [...document.querySelectorAll("#list li")].at(-number);
    const button = row.querySelector("button[data-complete]");
    row.scrollIntoView();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 200)));
    const begun = performance.now();
    button.click();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    const took = performance.now() - begun;
    return row.hasAttribute("data-completed") ? took : Infinity;
  }, number);

/** From the answer to a change elsewhere to the frame that shows it. */
async function elsewhere(number) {
  const shown = page.waitForFunction((number) => document.querySelectorAll("#list li")[number].hasAttribute("data-completed"), number);
  const id = await page.locator("#list li").nth(number).getAttribute("data-id");
  await account.change({ id }, { completed: true });
  const answered = performance.now();
  await shown;
  return performance.now() - answered;
}

const each = async (measure, count) => {
  const took = [];
  for (let number = 1; number <= count; number += 1) took.push(await measure(number));
  return took;
};
const median = (numbers) => numbers.toSorted((one, other) => one - other)[numbers.length >> 1];
const clicks = await each(click, CLICKS);
const heard = await each(elsewhere, CLICKS);
console.log(JSON.stringify({ firstRows, everything, bytes, click: median(clicks), slowestClick: Math.max(...clicks), elsewhere: median(heard) }));
await browser.close();
