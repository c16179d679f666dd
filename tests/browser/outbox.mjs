// What was done without a network outlives its tab: another tab sends it, also one that is opened later, and it is done once.

import assert from "node:assert/strict";

import { ADA, signedUp } from "./lib/account.mjs";
import { eventually } from "./lib/eventually.mjs";
import { List } from "./lib/list.mjs";
import { OFFLINE, goOffline } from "./lib/offline.mjs";
import { keep } from "./lib/promise.mjs";

const SAYS = (changes) => `You are offline; waiting for the network. ${changes} will be sent then.`;

/** How many changes the list has had: each is one version. */
const version = async (account) => Number.parseInt((await account.ask("GET", `/api/${account.id}/tasks`)).version, 10);

/** Closes a tab as people do, whatever it asks. */
async function closed(page) {
  page.on("dialog", (dialog) => dialog.accept());
  await page.close({ runBeforeUnload: false });
}

async function opened(ada, account) {
  const list = new List(await ada.open(account.tasks));
  await list.handle("Bread").waitFor();
  return list;
}

/** The tab that stays sends it. */
async function isSentByAnotherTab(ada, account) {
  const [one, other] = [await opened(ada, account), await opened(ada, account)];
  await goOffline(ada, one);
  await one.add("Milk");
  await one.change("Milk", { Title: "Oat milk" });
  await one.button("Complete:", "Bread").click();
  await one.says(SAYS("3 changes"));
  await closed(one.page);
  await ada.context.setOffline(false);
  await other.shows("Bread | done", "Oat milk");
  await eventually(() => version(account), 4);
  await eventually(() => other.told(), ["Completed “Bread”", "Renamed “Milk” to “Oat milk”", "Added “Milk”", "Added “Bread”"]);
  return other;
}

/** Nobody is left: whoever comes next sends it. */
async function isSentByALaterTab(ada, account, list) {
  await goOffline(ada, list);
  await list.add("Eggs");
  await list.change("Eggs", { Priority: "High" });
  await list.says(SAYS("2 changes"));
  await closed(list.page);
  assert.deepEqual(await account.titles(), ["Bread", "Oat milk"]);
  await ada.context.setOffline(false);
  const later = await opened(ada, account);
  await later.shows("Bread | done", "Oat milk", "Eggs | high");
  await eventually(() => account.titles(), ["Bread", "Oat milk", "Eggs"]);
  assert.equal(await version(account), 6);
  await closed(later.page);
}

/** Another device has changed something else meanwhile, and the same. */
async function isMergedOrTold(ada, account) {
  ada.expecting(/^console error: .* status of 412 \(Precondition Failed\) \(.*\/tasks\/[0-9a-f-]+\)$/, { atLeast: 1, atMost: 2 });
  const [free, taken] = await account.add("Free", "Taken");
  const list = await opened(ada, account);
  await list.handle("Taken").waitFor();
  await goOffline(ada, list);
  await list.change("Free", { Description: "Typed offline" });
  await list.change("Taken", { Title: "Mine" });
  await list.says(SAYS("2 changes"));
  await closed(list.page);
  await account.change(free, { priority: "low" });
  await account.change(taken, { title: "Theirs" });
  await ada.context.setOffline(false);
  const later = await opened(ada, account);
  await later.toast.getByText("Not done: “Theirs” (It has changed since; nothing was done).").waitFor();
  const shown = async () => (await later.lines()).slice(-2);
  await eventually(shown, ["Free | Typed offline | low", "Theirs"]);
  // What was typed is there still.
  const form = await later.edit("Theirs");
  assert.equal(await form.getByLabel("Title").inputValue(), "Mine");
}

await keep(async ({ person }) => {
  const ada = await person();
  ada.expecting(OFFLINE);
  const account = await signedUp(ada, ADA);
  await account.add("Bread");
  await isSentByALaterTab(ada, account, await isSentByAnotherTab(ada, account));
  await isMergedOrTold(ada, account);
});
