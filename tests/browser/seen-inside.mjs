// What whoever is signed in sees, in the states that a list can be in.

import assert from "node:assert/strict";

import { ADA, GRACE, IPHONE, signedIn, signedUp } from "./lib/account.mjs";
import { fill } from "./lib/demo.mjs";
import { List } from "./lib/list.mjs";
import { OFFLINE, goOffline, goOnline } from "./lib/offline.mjs";
import { keep } from "./lib/promise.mjs";
import { seen } from "./lib/seen.mjs";
import { REFUSED, saysSignedOut } from "./lib/signed-out.mjs";

/** A list as it is opened, with its whole history. */
async function filled(page, list) {
  await list.history.getByText("Deleted “Cancel the old newspaper”").waitFor();
  await list.handle("Renew the passport").waitFor();
  await seen(page, "tasks");
}

async function editing(page, list) {
  const form = await list.edit("Prepare the talk on folding events");
  await seen(page, "editing");
  await form.getByRole("button", { name: "Cancel" }).click();
}

/** On paper is the list alone. */
async function printed(page, list) {
  await page.emulateMedia({ media: "print" });
  const shown = (selector) => page.locator(selector).first().isVisible();
  const parts = [".bar nav", "#add", "#filters", "#undo", ".side", ".foot", ".handle", "[data-delete]"];
  for (const part of parts) assert.equal(await shown(part), false, part);
  assert.equal((await list.lines()).length, 8);
  for (const part of ["h1", ".counts", ".task .title", ".task .badge"]) assert.equal(await shown(part), true, part);
  await page.emulateMedia({ media: null });
}

async function past(page, list) {
  await list.history.getByRole("button", { name: "Added “Find a present for Mina”" }).click();
  await list.button("Restore:", "Read The Art of Doing Science and Engineering").waitFor({ state: "detached" });
  await list.button("Restore this version:", "Send the invoice to the printers").waitFor();
  await seen(page, "past");
  await page.getByRole("button", { name: "Back to now" }).click();
}

async function offline(ada, page, list) {
  await list.handle("Renew the passport").waitFor();
  // A busy machine may have the network back before a request has failed.
  ada.expecting(OFFLINE, { atLeast: 0 });
  await goOffline(ada, list);
  await list.add("Buy stamps");
  await list.says("You are offline; waiting for the network. One change will be sent then.");
  await seen(page, "offline");
  await goOnline(ada, list);
}

await keep(async ({ person }) => {
  const [ada, grace] = [await person(), await person()];
  const [account, other] = [await signedUp(ada, ADA), await signedUp(grace, GRACE)];
  const page = await ada.open(account.tasks);
  await page.getByText("Nothing has happened yet.").waitFor();
  await seen(page, "tasks-empty");
  await fill(account);
  await page.reload();
  const list = new List(page);
  await filled(page, list);
  await editing(page, list);
  await printed(page, list);
  await past(page, list);

  await page.goto("/");
  await page.getByText("Events in the log").waitFor();
  await seen(page, "home-signed-in");
  await signedIn(await person({ userAgent: IPHONE }), ADA);
  await page.goto("/account");
  await seen(page, "account");
  ada.expecting(/^console error: .* status of 403 \(Forbidden\) \(.*\/tasks\/[0-9a-f-]+\)$/, { atMost: 1 });
  await page.goto(other.tasks);
  await seen(page, "forbidden");

  await page.goto(account.tasks);
  await offline(ada, page, list);
  ada.expecting(REFUSED);
  await account.ask("DELETE", `/api/auth/sessions/${account.session}`);
  await saysSignedOut(page);
  await seen(page, "signed-out");
});
