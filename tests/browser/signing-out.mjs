// Signing out in one tab is seen in the other; another password signs out every other device, and nobody else. Whoever is
// signed out while something was not sent yet is told so, and it is sent when they are back.

import assert from "node:assert/strict";

import { ADA, signIn, signedIn, signedUp } from "./lib/account.mjs";
import { eventually } from "./lib/eventually.mjs";
import { List } from "./lib/list.mjs";
import { OFFLINE, goOffline } from "./lib/offline.mjs";
import { keep } from "./lib/promise.mjs";
import { REFUSED, saysSignedOut } from "./lib/signed-out.mjs";

const NEW_PASSWORD = "another horse, another staple";

async function changesPassword(page) {
  await page.getByLabel("Current password").fill(ADA.password);
  await page.getByLabel("New password").fill(NEW_PASSWORD);
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("Your password was changed. Every other device is signed out.").waitFor();
}

/** What a device has done without a network is not lost with its session. */
async function sendsWhatIsKeptAfterSigningInAgain(telephone, page, account) {
  const list = new List(page);
  await goOffline(telephone, list);
  await list.add("Salt");
  await list.says("You are offline; waiting for the network. One change will be sent then.");
  await account.ask("DELETE", "/api/auth/sessions?except=current");
  await telephone.context.setOffline(false);
  await page.getByRole("dialog").getByText("One change will be sent when you sign in again here.").waitFor();
  await saysSignedOut(page, "Milk", "Salt");
  await page.getByRole("link", { name: "Sign in again" }).click();
  await signIn(page, ADA);
  await page.waitForURL(account.tasks);
  await list.shows("Milk", "Salt");
  await eventually(() => account.titles(), ["Milk", "Salt"]);
}

await keep(async ({ person }) => {
  const [laptop, telephone] = [await person(), await person()];
  const account = await signedUp(laptop, ADA);
  await account.add("Milk");
  const { tasks } = account;
  await signedIn(telephone, ADA);
  const away = await telephone.open(tasks);
  const [first, second] = [await laptop.open("/account"), await laptop.open(tasks)];
  const list = new List(second);
  await list.shows("Milk");
  await new List(away).handle("Milk").waitFor();
  telephone.expecting(REFUSED);
  telephone.expecting(OFFLINE);
  await sendsWhatIsKeptAfterSigningInAgain(telephone, away, account);
  await changesPassword(first);
  await saysSignedOut(away, "Milk");
  await list.add("Bread");
  await list.shows("Milk", "Salt", "Bread");
  await first.getByRole("link", { name: "Tasks" }).click();
  await new List(first).shows("Milk", "Salt", "Bread");
  await new List(first).add("Eggs");
  await list.shows("Milk", "Salt", "Bread", "Eggs");
  assert.equal(await second.getByRole("dialog").count(), 0);

  laptop.expecting(REFUSED);
  await first.getByRole("button", { name: "Sign out" }).click();
  await first.getByRole("heading", { name: "Welcome back" }).waitFor();
  await saysSignedOut(second, "Milk", "Bread", "Eggs");
  await second.getByRole("link", { name: "Sign in again" }).click();
  await signIn(second, { ...ADA, password: NEW_PASSWORD });
  await second.getByRole("heading", { name: "Tasks", exact: true }).waitFor();
  await list.shows("Milk", "Salt", "Bread", "Eggs");
});
