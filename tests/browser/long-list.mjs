// A long list costs what is seen of it: it is read once, page by page as somebody scrolls, and what happens elsewhere is applied to
// it without reading it again.

import assert from "node:assert/strict";

import { ADA, signedIn, signedUp } from "./lib/account.mjs";
import { eventually } from "./lib/eventually.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

const MANY = 430;
const PAGE = 100;

const titles = Array.from({ length: MANY }, (_, index) => `Task ${index + 1}`);

/** The requests of a page for the list and its history, as they come: where from, and how many tasks they bring. */
function readings(page) {
  const read = [];
  page.on("response", async (response) => {
    const { pathname, searchParams } = new URL(response.url());
    if (!/\/tasks(\/history|\/[0-9a-f-]+)?$/.test(pathname) || response.request().method() !== "GET") return;
    if (!pathname.startsWith("/api/") || searchParams.get("limit") === "1") return;
    const { tasks } = await response.json();
    read.push(tasks ? tasks.length : pathname.split("/").at(-1));
  });
  return read;
}

const count = (page) => page.locator("#list li").count();

async function isReadOncePageByPage(page, read) {
  await eventually(() => count(page), PAGE);
  const scrolled = async () => {
    await page.keyboard.press("End");
    return count(page);
  };
  await eventually(scrolled, MANY);
  await eventually(() => page.getByRole("button", { name: "Show more" }).isVisible(), false);
  assert.deepEqual(read.filter(Number.isInteger), [100, 100, 100, 100, 30]);
  assert.deepEqual(await page.locator("#list .title").allTextContents(), titles);
}

/** What is done on the telephone is seen here, and nothing is asked. */
async function followsWithoutReading(page, list, there, tasks) {
  const [first, second, third, last] = [tasks[0], tasks[1], tasks[2], tasks.at(-1)];
  const read = readings(page);
  await there.change(last, { title: "The last", priority: "high", tags: ["end"], due: "2099-12-24" });
  await there.change(second, { completed: true });
  await there.remove(third);
  await there.ask("POST", `/api/${there.id}/tasks/${last.id}/move`, { before: first.id });
  await there.add("New");
  const expected = ["The last | high | due 24 Dec 2099 | end", "Task 1", "Task 2 | done", ...titles.slice(3, -1), "New"];
  await list.shows(...expected);
  await eventually(() => list.counts(), "429 open, 1 done");
  await there.ask("POST", `/api/${there.id}/tasks/${third.id}/restore`, {});
  await list.shows(...expected.toSpliced(3, 0, "Task 3"));
  // One's own changes are others of the same list.
  await list.button("Complete:", "Task 1").click();
  await list.change("Task 4", { Title: "The fourth" });
  await eventually(() => list.counts(), "429 open, 2 done");
  await eventually(async () => (await list.told()).slice(0, 8), [
    "Renamed “Task 4” to “The fourth”", "Completed “Task 1”", "Restored “Task 3”", "Added “New”", "Moved “The last”", "Deleted “Task 3”",
    "Completed “Task 2”", "Renamed “Task 430” to “The last”",
  ]);
  assert.deepEqual(read, []);
  // Nobody else has changed what was changed here and there.
  await there.change(last, { title: "Task 430" });
  await list.change("Task 430", { Title: "The very last" });
  await list.toast.filter({ hasText: "Saved: The very last" }).waitFor();
}

/** What only a part of the list shows is right too, whether or not a task is loaded. */
async function followsAPart(page, list, there, tasks) {
  await page.getByLabel("Show").selectOption("Done");
  await list.shows("Task 1 | done", "Task 2 | done");
  const read = readings(page);
  await there.change(tasks[9], { completed: true });
  await list.shows("Task 1 | done", "Task 2 | done", "Task 10 | done");
  await there.change(tasks[1], { completed: false });
  await list.shows("Task 1 | done", "Task 10 | done");
  await eventually(() => list.counts(), "429 open, 2 done");
  await page.locator("#only").selectOption("High");
  await list.shows();
  await there.change(tasks[9], { priority: "high" });
  await list.shows("Task 10 | high | done");
  await there.change(tasks[20], { priority: "high" });
  await eventually(() => list.counts(), "2 open, 1 done");
  await page.getByLabel("Show").selectOption("All");
  await page.getByLabel("Sort by").selectOption("Due date");
  const last = "The very last | high | due 24 Dec 2099 | end";
  await list.shows(last, "Task 10 | high | done", "Task 21 | high");
  await there.change(tasks[20], { due: "2099-01-01" });
  await list.shows("Task 21 | high | due 1 Jan 2099", last, "Task 10 | high | done");
  // Which texts match is the server's to say.
  await page.getByLabel("Search").fill("straße");
  await list.shows();
  await there.change(tasks[20], { title: "STRASSE" });
  await list.shows("STRASSE | high | due 1 Jan 2099");
  assert.ok(read.filter((tasks) => tasks >= PAGE).length === 0, String(read));
}

await keep(async ({ person }) => {
  const [ada, telephone] = [await person(), await person()];
  const account = await signedUp(ada, ADA);
  await account.ask("POST", `/api/${account.id}/tasks/import`, { tasks: titles.map((title) => ({ title })) });
  const tasks = [];
  for (let cursor = ""; cursor !== null; ) {
    const page = await account.ask("GET", `/api/${account.id}/tasks?sort=position&limit=1000${cursor && `&cursor=${cursor}`}`);
    tasks.push(...page.tasks);
    cursor = page.nextCursor;
  }
  const there = await signedIn(telephone, ADA);
  const page = await ada.context.newPage();
  const read = readings(page);
  await page.goto(account.tasks);
  const list = new List(page);
  await list.handle("Task 1").waitFor();
  await isReadOncePageByPage(page, read);
  await followsWithoutReading(page, list, there, tasks);
  await followsAPart(page, list, there, tasks);
});
