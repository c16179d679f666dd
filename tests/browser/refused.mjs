// What the server refuses is taken back where it was shown already, and what was typed is kept with what is wrong with it.

import assert from "node:assert/strict";

import { ADA, signedIn, signedUp } from "./lib/account.mjs";
import { List } from "./lib/list.mjs";
import { OFFLINE, goOffline, goOnline } from "./lib/offline.mjs";
import { keep } from "./lib/promise.mjs";

const LONG = "A title that goes on and on. ".repeat(10).trim();
const TOO_LONG = "Title must have at most 200 characters";

async function keepsATitleThatIsTooLong(ada, page, list) {
  ada.expecting(/^console error: .* status of 400 \(Bad Request\) \(.*\/tasks(\/[0-9a-f-]+)?\)$/, { atLeast: 2, atMost: 2 });
  await list.add(LONG, { priority: "High" });
  const field = page.getByLabel("New task");
  await page.getByText(TOO_LONG).waitFor();
  await list.shows("Bread", "Milk");
  assert.equal(await field.inputValue(), LONG);
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  assert.ok(await field.evaluate((field) => document.activeElement === field));
  assert.equal(await page.locator("#priority").inputValue(), "high");
  await field.fill("Eggs");
  await field.press("Enter");
  await list.shows("Bread", "Milk", "Eggs | high");
  assert.equal(await page.getByText(TOO_LONG).count(), 0);

  const form = await list.edit("Bread");
  await form.getByLabel("Title").fill(LONG);
  await form.getByLabel("Description").fill("Rye.");
  await form.getByRole("button", { name: "Save" }).click();
  await form.getByText(TOO_LONG).waitFor();
  assert.equal(await form.getByLabel("Title").inputValue(), LONG);
  assert.equal(await form.getByLabel("Description").inputValue(), "Rye.");
  await list.shows("Bread", "Milk", "Eggs | high");
  await form.getByLabel("Title").fill("Rye bread");
  await form.getByRole("button", { name: "Save" }).click();
  await list.shows("Rye bread | Rye.", "Milk", "Eggs | high");
}

/** Somebody else was faster, while this device had no network. */
async function keepsWhatWasTypedOfATaskThatIsGone(telephone, page, list, account) {
  await goOffline(telephone, list);
  await list.change("Milk", { Title: "Oat milk", Description: "The one with the blue cap." });
  await list.button("Complete:", "Eggs").click();
  await list.shows("Rye bread | Rye.", "Oat milk | The one with the blue cap.", "Eggs | high | done");
  const { tasks } = await account.ask("GET", `/api/${account.id}/tasks?sort=position`);
  for (const task of tasks.slice(1)) await account.remove(task);
  telephone.expecting(/^console error: .* status of 404 \(Not Found\) \(.*\/tasks\/[0-9a-f-]+\)$/, { atLeast: 2, atMost: 2 });
  await goOnline(telephone, list);
  await page.getByText("This task was deleted somewhere else.").first().waitFor();
  const form = list.items.locator("form").filter({ has: page.getByRole("button", { name: "Save" }) });
  await form.getByRole("alert").waitFor();
  assert.equal(await form.getByRole("alert").textContent(), "This task was deleted somewhere else.");
  assert.equal(await form.getByLabel("Title").inputValue(), "Oat milk");
  assert.equal(await form.getByLabel("Description").inputValue(), "The one with the blue cap.");
  await form.getByRole("button", { name: "Cancel" }).click();
  await list.shows("Rye bread | Rye.");
  assert.equal(await list.counts(), "1 open, 0 done");
}

await keep(async ({ person }) => {
  const [ada, telephone] = [await person(), await person()];
  const account = await signedUp(ada, ADA);
  await account.add("Bread", "Milk");
  const page = await ada.open(account.tasks);
  const list = new List(page);
  await list.handle("Milk").waitFor();
  await keepsATitleThatIsTooLong(ada, page, list);
  await page.close();

  await signedIn(telephone, ADA);
  telephone.expecting(OFFLINE);
  const other = await telephone.open(account.tasks);
  const there = new List(other);
  await there.handle("Milk").waitFor();
  await keepsWhatWasTypedOfATaskThatIsGone(telephone, other, there, account);
});
