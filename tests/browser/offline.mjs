// A device without a network goes on, and hears of everything when it is back; nothing is done twice.

import assert from "node:assert/strict";

import { ADA, signedIn, signedUp } from "./lib/account.mjs";
import { eventually } from "./lib/eventually.mjs";
import { List } from "./lib/list.mjs";
import { OFFLINE, goOffline, goOnline } from "./lib/offline.mjs";
import { keep } from "./lib/promise.mjs";

await keep(async ({ person }) => {
  const [laptop, telephone] = [await person(), await person()];
  const account = await signedUp(laptop, ADA);
  await account.add("Bread");
  await signedIn(telephone, ADA);
  const here = new List(await laptop.open(account.tasks));
  const page = await telephone.open(account.tasks);
  const there = new List(page);
  await there.handle("Bread").waitFor();

  telephone.expecting(OFFLINE);
  await goOffline(telephone, there);
  await there.add("Milk");
  await there.change("Milk", { Title: "Oat milk", Priority: "High" });
  await there.handle("Oat milk").press("ArrowUp");
  await there.button("Complete:", "Bread").click();
  await there.shows("Oat milk | high", "Bread | done");
  await there.says("You are offline; waiting for the network. 4 changes will be sent then.");
  await page.getByRole("slider").press("Home");
  await there.toast.getByText("The server does not answer: this moment cannot be shown.").waitFor();
  await page.getByText("The list as it is now").waitFor();
  await here.add("Eggs");
  await here.shows("Bread", "Eggs");
  // What is shown at once may be on its way still.
  await eventually(() => here.told(), ["Added “Eggs”", "Added “Bread”"]);

  await goOnline(telephone, there);
  for (const list of [there, here]) {
    await list.shows("Oat milk | high", "Bread | done", "Eggs");
    await eventually(() => list.counts(), "2 open, 1 done");
  }
  const told = ["Completed “Bread”", "Moved “Oat milk”", "Renamed “Milk” to “Oat milk”", "Added “Milk”", "Added “Eggs”", "Added “Bread”"];
  for (const list of [there, here]) await eventually(() => list.told(), told);
  // Each change is one version of the list.
  const { version } = await account.ask("GET", `/api/${account.id}/tasks`);
  assert.equal(Number.parseInt(version, 10), told.length);
});
