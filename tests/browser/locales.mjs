// Dates and numbers are written as the reader writes them, times with their zone; a time and a zone can be given by hand; badges follow
// the clock; what is written from right to left is read so.

import assert from "node:assert/strict";

import { ADA, GRACE, signedUp } from "./lib/account.mjs";
import { eventually } from "./lib/eventually.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

const MANY = 1_001;

const due = async (account, { id }) => (await account.ask("GET", `/api/${account.id}/tasks/${id}`)).due;

/** Somebody in New York whose browser is German. */
async function readsTheirOwnDates(person) {
  const ada = await person({ locale: "de-DE", timezoneId: "America/New_York" });
  const account = await signedUp(ada, ADA);
  await account.add(
    { title: "Day", due: "2099-12-24" }, { title: "Here", due: "2099-12-24T12:00:00-05:00" },
    { title: "Prague", due: "2099-12-24T18:00:00+01:00[Europe/Prague]" }, { title: "Next day", due: "2099-12-25T00:30:00+01:00" },
  );
  await account.ask("POST", `/api/${account.id}/tasks/import`, { tasks: Array.from({ length: MANY - 4 }, (_, at) => ({ title: `${at}` })) });
  const list = new List(await ada.open(account.tasks));
  await eventually(async () => (await list.lines()).slice(0, 4), [
    "Day | due 24.12.2099", "Here | due 24.12.2099, 12:00 GMT-5", "Prague | due 24.12.2099, 12:00 GMT-5 (18:00 Europe/Prague)",
    "Next day | due 24.12.2099, 18:30 GMT-5 (25. Dez., 00:30 +01:00)",
  ]);
  await list.page.getByText("1.001 open, 0 done").waitFor();
  const home = await ada.open("/");
  await home.locator('[data-fact="events"]').filter({ hasText: /^1\.\d{3}$/ }).waitFor();
}

/** The fields of a due date. */
const fields = (form) => Promise.all(["Due", "Time", "Time zone"].map((label) => form.getByLabel(label, { exact: true }).inputValue()));

async function entersATimeAndAZone(list, account, task) {
  const fill = (form, values) => Promise.all(Object.entries(values).map(([label, value]) => form.getByLabel(label, { exact: true }).fill(value)));
  const save = (form) => form.getByRole("button", { name: "Save" }).click();
  const enters = async (values, text) => {
    const form = await list.edit("Meeting");
    await fill(form, values);
    await save(form);
    await eventually(() => due(account, task), text);
    await form.waitFor({ state: "detached" });
  };
  const form = await list.edit("Meeting");
  assert.deepEqual(await fields(form), ["", "", "UTC"]);
  await fill(form, { Time: "18:00" });
  await save(form);
  await form.getByText("Due must be given with a time").waitFor();
  await fill(form, { Due: "2026-07-01", "Time zone": "Prague" });
  await save(form);
  await form.getByText("Time zone must be a time zone such as Europe/Prague, or an offset such as +02:00").waitFor();
  await fill(form, { "Time zone": "Europe/Prague" });
  await save(form);
  await eventually(() => due(account, task), "2026-07-01T18:00:00+02:00[Europe/Prague]");
  await form.waitFor({ state: "detached" });
  const again = await list.edit("Meeting");
  assert.deepEqual(await fields(again), ["2026-07-01", "18:00", "Europe/Prague"]);
  await again.getByRole("button", { name: "Cancel" }).click();
  await enters({ Due: "2026-12-24" }, "2026-12-24T18:00:00+01:00[Europe/Prague]");
  // Clocks go forward from two to three, and back from three to two.
  await enters({ Due: "2026-03-29", Time: "02:30" }, "2026-03-29T03:30:00+02:00[Europe/Prague]");
  await enters({ Due: "2026-10-25", Time: "02:30" }, "2026-10-25T02:30:00+02:00[Europe/Prague]");
  await enters({ "Time zone": "-03:30" }, "2026-10-25T02:30:00-03:30");
  await enters({ "Time zone": "UTC" }, "2026-10-25T02:30:00Z");
  await enters({ "Time zone": "Asia/Kathmandu" }, "2026-10-25T02:30:00+05:45[Asia/Kathmandu]");
  // Half a minute more than that.
  await enters({ Due: "1970-06-01", Time: "10:00", "Time zone": "Africa/Monrovia" }, "1970-06-01T10:00:00-00:45[Africa/Monrovia]");
  await enters({ Due: "2026-10-25" }, "2026-10-25T10:00:00+00:00[Africa/Monrovia]");
  await enters({ Time: "" }, "2026-10-25");
}

/** The page stays open for days. */
async function badgesFollowTheClock(ada, account) {
  const page = await ada.context.newPage();
  await page.clock.install({ time: new Date("2030-05-01T10:00:00Z") });
  await page.goto(account.tasks);
  const list = new List(page);
  const badge = (title) => list.item(title).locator("[data-due]");
  const says = (title, text, className) => eventually(async () => [await badge(title).textContent(), await badge(title).getAttribute("class")], [text, className]);
  await says("Bill", "due tomorrow", "badge soon");
  await says("Call", "due today, 11:00 UTC", "badge soon");
  await page.clock.fastForward("01:01:00");
  await says("Call", "due today, 11:00 UTC", "badge late");
  await page.clock.fastForward("24:00:00");
  await says("Bill", "due today", "badge soon");
  await says("Call", "due yesterday, 11:00 UTC", "badge late");
  await page.clock.fastForward("24:00:00");
  await says("Bill", "due yesterday", "badge late");
  await page.close();
}

async function readsFromRightToLeft(list) {
  const directions = (selector) => list.item("שלום").locator(selector).evaluateAll((all) => all.map((part) => getComputedStyle(part).direction));
  assert.deepEqual(await directions("[data-text=title]"), ["rtl"]);
  assert.deepEqual(await directions(".description"), ["rtl"]);
  assert.deepEqual(await directions(".tag"), ["rtl", "ltr"]);
}

/** A tag leads to the tasks that have it. */
async function tagsAreLinks(page, list) {
  await list.item("Bill").getByRole("link", { name: "home" }).click();
  await eventually(() => new URL(page.url()).search, "?tag=home");
  assert.equal(await page.getByLabel("Tag", { exact: true }).inputValue(), "home");
  await eventually(async () => (await list.lines()).map((line) => line.split(" | ")[0]), ["Bill"]);
  await page.getByText("1 open, 0 done").waitFor();
  await page.goBack();
  await list.handle("Call").waitFor();
  assert.equal(await page.getByLabel("Tag", { exact: true }).inputValue(), "");
  await page.goto(`${page.url()}?tag=HOME`);
  await eventually(async () => (await list.lines()).map((line) => line.split(" | ")[0]), ["Bill"]);
  await page.goBack();
  await list.handle("Call").waitFor();
}

/** The past is asked the same as the present, and counted as it was. */
async function thePastIsFilteredAndCounted(page, list, account, bill) {
  await account.change(bill, { completed: true });
  await account.remove(bill);
  // Until then it is no past.
  await list.history.getByText("Deleted “Bill”").waitFor();
  await list.history.getByRole("button", { name: "Completed “Bill”" }).click();
  const titles = async () => (await list.lines()).map((line) => line.split(" | ")[0]);
  await eventually(titles, ["Meeting", "Bill", "Call", "שלום"]);
  assert.equal(await list.counts(), "3 open, 1 done");
  await page.getByLabel("Show").selectOption("Done");
  await eventually(titles, ["Bill"]);
  await page.getByLabel("Show").selectOption("All");
  await page.getByLabel("Search").fill("call");
  await eventually(titles, ["Call"]);
  assert.equal(await list.counts(), "1 open, 0 done");
  await page.getByRole("button", { name: "Back to now" }).click();
  await list.handle("Call").waitFor();
  await eventually(titles, ["Call"]);
  await page.getByLabel("Search").fill("");
  await eventually(titles, ["Meeting", "Call", "שלום"]);
  assert.equal(await list.counts(), "3 open, 0 done");
}

await keep(async ({ person }) => {
  await readsTheirOwnDates(person);
  const grace = await person();
  const account = await signedUp(grace, GRACE);
  const [meeting, bill] = await account.add(
    "Meeting", { title: "Bill", due: "2030-05-02", tags: ["home"] }, { title: "Call", due: "2030-05-01T11:00:00Z" },
    { title: "שלום", description: "עולם", tags: ["בית", "work"] },
  );
  const page = await grace.open(account.tasks);
  const list = new List(page);
  await list.handle("Meeting").waitFor();
  await entersATimeAndAZone(list, account, meeting);
  await badgesFollowTheClock(grace, account);
  await readsFromRightToLeft(list);
  await tagsAreLinks(page, list);
  await thePastIsFilteredAndCounted(page, list, account, bill);
});
