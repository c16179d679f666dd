// Without JavaScript: everything that has to be possible is.

import assert from "node:assert/strict";

import { assertAccessible } from "./lib/accessible.mjs";
import { ADA, signIn, signUp, signedIn } from "./lib/account.mjs";
import { List, day } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

async function signsUp(ada, page) {
  await assertAccessible(page);
  await page.getByRole("link", { name: "Create an account" }).click();
  await assertAccessible(page);
  ada.expecting(/^console error: .* status of 400 \(Bad Request\) \(.*\/signup\)$/, { atMost: 1 });
  // The browser takes this for an address, the server does not.
  await signUp(page, { ...ADA, email: "ada@example" });
  await page.getByText(/^Email must/).waitFor();
  await assertAccessible(page);
  assert.equal(await page.getByLabel("Name").inputValue(), ADA.name);
  await signUp(page, ADA);
  await page.getByRole("heading", { name: "Tasks", exact: true }).waitFor();
}

async function usesTheList(ada, page, list) {
  await page.getByText("Nothing here yet. Add your first task above.").waitFor();
  await assertAccessible(page);
  for (const title of ["Buy milk", "Call the bank"]) await list.add(title);
  await list.shows("Buy milk", "Call the bank");
  ada.expecting(/^console error: .* status of 400 \(Bad Request\) \(.*\/tasks\/[0-9a-f-]+\)$/, { atMost: 1 });
  const long = "long ".repeat(50);
  await list.add(long);
  await page.getByText("Title must have at most 200 characters").waitFor();
  assert.equal(await page.getByLabel("New task").inputValue(), long);
  await list.button("Complete:", "Buy milk").click();
  await list.shows("Buy milk | done", "Call the bank");
  assert.equal(await list.counts(), "1 open, 1 done");
  await list.button("Complete:", "Buy milk").click();
  await list.shows("Buy milk", "Call the bank");
  await list.button("Complete:", "Call the bank").click();
  await list.shows("Buy milk", "Call the bank | done");
  await assertAccessible(page);
}

async function findsAndDeletes(page, list) {
  const search = page.getByRole("search", { name: "Tasks" });
  await list.add("Water the plants", { priority: "High" });
  await search.getByLabel("Show").selectOption("Open");
  await search.getByLabel("Sort by").selectOption("Priority");
  await search.getByRole("button", { name: "Find" }).click();
  await list.shows("Water the plants | high", "Buy milk");
  await assertAccessible(page);
  await search.getByLabel("Search").fill("MILK");
  await search.getByRole("button", { name: "Find" }).click();
  await list.shows("Buy milk");
  await page.getByRole("link", { name: "Tasks", exact: true }).click();
  await list.button("Delete", "Water the plants").click();
  await list.shows("Buy milk", "Call the bank | done");
}

/** What a script made is shown too. */
async function seesWhatWasDoneElsewhere(page, account, list) {
  await account.add({ title: "Water the plants", priority: "high", due: day(1), tags: ["home"], description: "All of them." });
  await page.reload();
  await list.shows("Buy milk", "Call the bank | done", `Water the plants | All of them. | high | due ${day(1)} | home`);
  for (const name of ["Undo", "Redo", "Restore"]) assert.equal(await page.getByRole("button", { name }).count(), 0);
}

async function changesAccount(page) {
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByLabel("Name").fill("Countess of Lovelace");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Your profile was changed.").waitFor();
  assert.equal(await page.getByLabel("Name").inputValue(), "Countess of Lovelace");
  await assertAccessible(page);
}

async function endsSessions(page, others) {
  const items = page.getByRole("region", { name: "Sessions" }).getByRole("listitem");
  assert.equal(await items.count(), 1 + others);
  await page.getByRole("button", { name: "End Chrome on Linux" }).first().click();
  await page.getByText("The session was ended.").waitFor();
  assert.equal(await items.count(), others);
  await page.getByRole("button", { name: "End all others" }).click();
  await page.getByText("Every other session was ended.").waitFor();
  assert.equal(await items.count(), 1);
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
}

await keep(async ({ person }) => {
  const ada = await person({ javaScriptEnabled: false });
  // Modules are not even fetched.
  ada.expecting(/^failed request: GET csp \(.*\/assets\/[a-z]+\.[\w-]+\.js\)$/);
  const page = await ada.open("/");
  await signsUp(ada, page);
  const list = new List(page);
  await usesTheList(ada, page, list);
  await findsAndDeletes(page, list);
  await page.getByRole("button", { name: "Sign out" }).click();
  await assertAccessible(page);
  await signIn(page, ADA);
  await list.shows("Buy milk", "Call the bank | done");
  const account = await signedIn(await person(), ADA);
  for (const other of [await person(), await person()]) await signedIn(other, ADA);
  await seesWhatWasDoneElsewhere(page, account, list);
  await changesAccount(page);
  await endsSessions(page, 3);
});
