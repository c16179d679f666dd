// A session that somebody ends on their account page is over on the other device: it says so, and shows nothing any more.

import assert from "node:assert/strict";

import { ADA, ANDROID, IPHONE, signIn, signedIn, signedUp } from "./lib/account.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";
import { REFUSED, saysSignedOut, signedOutAfter, whenSignedOut } from "./lib/signed-out.mjs";

/** Notes when a button of the sessions is pressed. */
function whenPressed(account, name) {
  return account.getByRole("button", { name }).evaluate((button) => {
    button.addEventListener("click", () => (globalThis.pressed = Date.now()));
  });
}

await keep(async ({ person }) => {
  const [laptop, telephone, tablet] = [await person(), await person({ userAgent: IPHONE }), await person({ userAgent: ANDROID })];
  const account = await signedUp(laptop, ADA);
  await account.add("Milk", "Bread");
  for (const device of [telephone, tablet]) await signedIn(device, ADA);
  const profile = await telephone.open("/account");
  const tasks = await telephone.open(account.tasks);
  const list = new List(tasks);
  await list.handle("Milk").waitFor();
  await list.button("Complete:", "Milk").click();
  await list.toast.filter({ hasText: "Completed: Milk" }).waitFor();
  await tasks.getByText("API calls").click();
  await tasks.getByRole("button", { name: "PATCH" }).waitFor();

  const sessions = await laptop.open("/account");
  const items = sessions.getByRole("region", { name: "Sessions" }).getByRole("listitem");
  const listed = () => items.evaluateAll((all) => all.map((item) => item.querySelector("strong").textContent).sort());
  assert.deepEqual(await listed(), ["Chrome on Android", "Chrome on Linux", "Safari on iPhone"]);
  await whenSignedOut(tasks);
  await whenPressed(sessions, "End Safari on iPhone");
  telephone.expecting(REFUSED);
  await sessions.getByRole("button", { name: "End Safari on iPhone" }).click();
  await saysSignedOut(tasks, "Milk", "Bread");
  console.log(`signed out after ${await signedOutAfter(tasks, await sessions.evaluate("pressed"))} ms`);
  await saysSignedOut(profile, ADA.email);
  await sessions.getByText("The session was ended.").waitFor();
  assert.deepEqual(await listed(), ["Chrome on Android", "Chrome on Linux"]);

  const other = await tablet.open(account.tasks);
  await new List(other).shows("Milk | done", "Bread");
  tablet.expecting(REFUSED);
  await sessions.getByRole("button", { name: "End all others" }).click();
  await sessions.getByText("Every other session was ended.").waitFor();
  await saysSignedOut(other, "Milk", "Bread");
  assert.deepEqual(await listed(), ["Chrome on Linux"]);
  assert.equal(await sessions.getByRole("button", { name: "End all others" }).count(), 0);

  await tasks.getByRole("link", { name: "Sign in again" }).click();
  await signIn(tasks, ADA);
  await tasks.waitForURL(account.tasks);
  await list.shows("Milk | done", "Bread");
});
