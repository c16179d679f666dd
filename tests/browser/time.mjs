// What only a log can give: taking back, bringing back, and looking at the list as it was.

import assert from "node:assert/strict";

import { ADA, GRACE, signedIn, signedUp } from "./lib/account.mjs";
import { eventually } from "./lib/eventually.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

async function takesBackAndDoesAgain(page, list) {
  await list.button("Complete:", "Milk").click();
  await list.shows("Milk | done", "Bread");
  await list.undoByToast("Completed: Milk");
  await list.toast.filter({ hasText: "Undone" }).waitFor();
  await list.shows("Milk", "Bread");
  await page.getByRole("button", { name: "Redo" }).click();
  await list.shows("Milk | done", "Bread");
  await page.getByRole("button", { name: "Undo", exact: true }).first().click();
  await list.shows("Milk", "Bread");
  await page.keyboard.press("Control+Shift+Z");
  await list.shows("Milk | done", "Bread");
  await page.keyboard.press("Control+Z");
  await list.shows("Milk", "Bread");
  await page.keyboard.press("Control+Z");
  await list.shows("Milk");
  await page.keyboard.press("Control+Shift+Z");
  await list.shows("Milk", "Bread");
}

/** What somebody types is theirs: there the keys mean what they mean everywhere. */
async function leavesTypingAlone(page, list) {
  const form = await list.edit("Milk");
  await form.getByLabel("Title").pressSequentially("y");
  await page.keyboard.press("Control+Z");
  assert.equal(await form.getByLabel("Title").inputValue(), "Milk");
  await page.keyboard.press("Escape");
  await list.shows("Milk", "Bread");
}

async function bringsBackWhatWasDeleted(list) {
  await list.button("Delete", "Milk").click();
  await list.shows("Bread");
  await list.undoByToast("Deleted: Milk");
  await list.shows("Milk", "Bread");
  await list.button("Delete", "Bread").click();
  await list.shows("Milk");
  await list.history.getByRole("button", { name: "Restore Bread" }).click();
  await list.shows("Milk", "Bread");
  await eventually(() => list.history.getByRole("button", { name: /^Restore / }).count(), 0);
}

/** What is so already is not done, so there is nothing to take back. */
async function offersNothingWhereNothingWasDone(page, list, there) {
  await list.button("Delete", "Bread").click();
  await list.shows("Milk");
  await list.history.getByText("Deleted “Bread”").first().waitFor();
  // The telephone is faster, and this page hears of it from its own answer first.
  const { changes } = await there.ask("GET", `/api/${there.id}/tasks/history?type=deleted&limit=1`);
  await page.route("**/restore", async (route) => {
    await there.ask("POST", `/api/${there.id}/tasks/${changes[0].taskId}/restore`, {});
    await route.continue();
  }, { times: 1 });
  await list.history.getByRole("button", { name: "Restore Bread" }).click();
  await list.toast.getByText("It is like that already.").waitFor();
  const { tasks } = await there.ask("GET", `/api/${there.id}/tasks`);
  const bread = tasks.find(({ title }) => title === "Bread");
  await page.route(`**/tasks/${bread.id}`, async (route) => {
    await there.change(bread, { completed: true });
    await route.continue();
  }, { times: 1 });
  await list.button("Complete:", "Bread").click();
  await list.undoByToast("Completed: Bread");
  await list.toast.getByText("Another device had done that before: nothing was undone.").waitFor();
  await list.shows("Milk", "Bread | done");
  await there.change(bread, { completed: false });
  assert.equal(await list.toast.getByRole("button", { name: "Undo" }).count(), 0);
  await list.shows("Milk", "Bread");
  // Whole commands are told, and what they did.
  const imported = Array.from({ length: 120 }, (_, at) => ({ title: `${at}` }));
  await there.ask("POST", `/api/${there.id}/tasks/import`, { tasks: imported });
  await list.handle("119").waitFor();
  await page.keyboard.press("Control+Z");
  await list.toast.getByText(/^Undone: Added “\d+” and 99 more changes\.$/).waitFor();
  await list.shows("Milk", "Bread");
}

/** Grace's list has a history of five changes. */
async function withHistory(grace) {
  const account = await signedUp(grace, GRACE);
  const [milk, bread] = await account.add("Milk", "Bread");
  await account.change(milk, { title: "Oat milk" });
  await account.change(bread, { completed: true });
  await account.remove(milk);
  return account;
}

/** What the slider says, and what can be brought back from there. */
async function assertPast(page, list, told, lines, buttons) {
  await page.getByText(told).waitFor();
  await list.shows(...lines);
  const shown = await list.items.getByRole("button").evaluateAll((all) => all.map((button) => button.ariaLabel));
  assert.deepEqual(shown.filter(Boolean), buttons);
}

async function looksAtThePast(page, list) {
  await list.shows("Bread | done");
  await page.getByRole("slider").focus();
  await page.keyboard.press("Home");
  await assertPast(page, list, "0 of 5: Before the first change", [], []);
  await page.getByText("You are looking at the past. Nothing here changes until you restore it.").waitFor();
  await page.keyboard.press("ArrowRight");
  await assertPast(page, list, "1 of 5: Added “Milk”, ", ["Milk"], ["Restore: Milk"]);
  await page.keyboard.press("ArrowRight");
  await assertPast(page, list, "2 of 5: Added “Bread”, ", ["Milk", "Bread"], ["Restore: Milk", "Restore this version: Bread"]);
  await page.keyboard.press("End");
  await assertNow(page, list, "Bread | done");
  await list.history.getByRole("button", { name: "Completed “Bread”" }).click();
  await assertPast(page, list, "4 of 5: Completed “Bread”, ", ["Oat milk", "Bread | done"], ["Restore: Oat milk"]);
}

async function assertNow(page, list, ...lines) {
  await page.getByText("The list as it is now").waitFor();
  await list.shows(...lines);
  assert.equal(await page.getByText("You are looking at the past.").isVisible(), false);
  assert.equal(await page.getByLabel("New task").isEditable(), true);
}

/** Whatever would change the list by accident is out of reach there. */
async function changesNothingThere(page, list) {
  await page.keyboard.press("Control+Z");
  for (const name of ["Undo", "Redo"]) assert.ok(await page.getByRole("button", { name, exact: true }).isDisabled());
  assert.equal(await page.locator("#add").evaluate((form) => form.inert), true);
  await page.getByRole("button", { name: "Back to now" }).click();
  await assertNow(page, list, "Bread | done");
}

async function bringsBackFromThere(page, list) {
  await list.history.getByRole("button", { name: "Added “Bread”" }).click();
  await list.button("Restore:", "Milk").click();
  await assertNow(page, list, "Milk", "Bread | done");
  await list.history.getByRole("button", { name: "Added “Bread”" }).click();
  await list.button("Restore this version:", "Bread").click();
  await assertNow(page, list, "Milk", "Bread");
  await list.undoByToast("Restored.");
  await assertNow(page, list, "Milk", "Bread | done");
  await eventually(() => list.told(), [
    "Completed “Bread” (undo)",
    "Opened again “Bread”",
    "Restored “Milk”",
    "Deleted “Oat milk”",
    "Completed “Bread”",
    "Renamed “Milk” to “Oat milk”",
    "Added “Bread”",
    "Added “Milk”",
  ]);
}

/** A device that looks at the past is told of the present when it comes back. */
async function missesNothingMeanwhile(page, list, account) {
  await list.history.getByRole("button", { name: "Added “Milk”", exact: true }).click();
  await page.getByText("1 of 8: Added “Milk”").waitFor();
  await account.add("Eggs");
  await eventually(async () => (await list.told())[0], "Added “Eggs”");
  await list.shows("Milk");
  await page.getByRole("button", { name: "Back to now" }).click();
  await assertNow(page, list, "Milk", "Bread | done", "Eggs");
}

await keep(async ({ person }) => {
  const ada = await person();
  const account = await signedUp(ada, ADA);
  await account.add("Milk", "Bread");
  const page = await ada.open(account.tasks);
  const list = new List(page);
  await list.handle("Bread").waitFor();
  await takesBackAndDoesAgain(page, list);
  await leavesTypingAlone(page, list);
  await bringsBackWhatWasDeleted(list);
  await offersNothingWhereNothingWasDone(page, list, await signedIn(await person(), ADA));

  const grace = await person();
  const hers = await withHistory(grace);
  const past = await grace.open(hers.tasks);
  const old = new List(past);
  await looksAtThePast(past, old);
  await changesNothingThere(past, old);
  await bringsBackFromThere(past, old);
  await missesNothingMeanwhile(past, old, hers);
});
