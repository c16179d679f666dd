// A list is shown whatever one of its tasks is like: what cannot be read is shown as it stands.

import assert from "node:assert/strict";

import { ADA, signedUp } from "./lib/account.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

/** No due dates that this server gives out; a page may be older or newer than its server. */
const ODD = ["2026-12-24T23:00:00+24:00", "+275760-09-13T00:00:01Z", "24.12.2026", "not-a-date", "2026-12-24T25:61Z", "٢٠٢٦-١٢-٢٤"];

await keep(async ({ person }) => {
  const ada = await person();
  const account = await signedUp(ada, ADA);
  const titles = ODD.map((_, number) => `Task ${number}`);
  await account.add(...titles, "Bread");
  await ada.context.route(`**/api/${account.id}/tasks?*`, async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    for (const task of json.tasks) task.due = ODD[titles.indexOf(task.title)] ?? null;
    await route.fulfill({ response, json });
  });
  const list = new List(await ada.open(account.tasks));
  await list.shows(...titles.map((title, number) => `${title} | due ${ODD[number]}`), "Bread");
  for (const [number, title] of titles.entries()) {
    const form = await list.edit(title);
    assert.equal(await form.getByLabel("Due").inputValue(), ODD[number].length > 10 ? ODD[number] : "");
    await form.getByRole("button", { name: "Cancel" }).click();
  }
  await list.button("Complete:", "Bread").click();
  await list.shows(...titles.map((title, number) => `${title} | due ${ODD[number]}`), "Bread | done");
  // The page may be reading its list once more.
  await ada.context.unrouteAll({ behavior: "wait" });
});
