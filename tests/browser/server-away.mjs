// A server that goes away under a page: what was typed stays, what was done shows and is done once when it is back.

import assert from "node:assert/strict";

import { ask } from "./lib/ask.mjs";
import { ADA, signIn, signedUp } from "./lib/account.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

/** What the browser itself says of a server that goes away, stops answering, and is not there. */
const GONE =
  /^(failed request: (GET|POST|PATCH) |console error: Failed to load resource: )(net::ERR_CONNECTION_\w+|net::ERR_EMPTY_RESPONSE|net::ERR_INCOMPLETE_CHUNKED_ENCODING|the server responded with a status of 503 \(Service Unavailable\)) \(.*(\/api\/.*|\/icon\.[\w-]+\.svg)\)$/;

async function keepsWhatWasTyped(page) {
  await ask("stop");
  await signIn(page, ADA);
  await page.getByRole("alert").getByText("The server does not answer. What you typed is still here: try again in a moment.").waitFor();
  assert.equal(await page.getByLabel("Email").inputValue(), ADA.email);
  assert.equal(await page.getByLabel("Password").inputValue(), ADA.password);
  await ask("start");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Tasks", exact: true }).waitFor();
}

async function sendsWhatWasDoneOnce(page, list) {
  await list.handle("Bread").waitFor();
  await ask("stop");
  await list.says("The server does not answer; trying again. What you do meanwhile is kept.");
  await list.add("Milk");
  await list.shows("Bread", "Milk");
  await list.says("The server does not answer; trying again. One change will be sent then.");
  await list.button("Complete:", "Bread").click();
  await list.add("Eggs");
  await list.shows("Bread | done", "Milk", "Eggs");
  assert.equal(await list.counts(), "2 open, 1 done");
  await list.says("The server does not answer; trying again. 3 changes will be sent then.");
  await ask("start");
  await list.says("");
  await list.shows("Bread | done", "Milk", "Eggs");
}

/** The server has done it, but its answer never arrives. */
async function sendsAgainWhatWasDoneAlready(ada, page, list) {
  ada.expecting(/^(failed request: POST|console error: .*) net::ERR_FAILED \(.*\/tasks\)$/, { atLeast: 2, atMost: 2 });
  await page.route("**/tasks", async (route) => {
    const answer = await route.fetch();
    assert.equal(answer.status(), 201);
    await route.abort();
  }, { times: 1 });
  await list.add("Salt");
  await list.shows("Bread | done", "Milk", "Eggs", "Salt");
  await list.history.getByText("Added “Salt”").waitFor();
}

await keep(async ({ person }) => {
  const account = await signedUp(await person(), ADA);
  await account.add("Bread");
  const ada = await person();
  const page = await ada.open(`/login?next=${account.tasks}`);
  const list = new List(page);
  ada.expecting(GONE);
  await keepsWhatWasTyped(page);
  await sendsWhatWasDoneOnce(page, list);
  await sendsAgainWhatWasDoneAlready(ada, page, list);
  const other = new List(await ada.open(account.tasks));
  await other.shows("Bread | done", "Milk", "Eggs", "Salt");
  await list.shows("Bread | done", "Milk", "Eggs", "Salt");
});
