// Whoever asks for less motion gets none: nothing is animated, whatever they do.

import assert from "node:assert/strict";

import { ADA, GRACE, signedUp } from "./lib/account.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

/** Notes whatever begins to move on the pages that are opened from now on. */
function noteMotion(context) {
  return context.addInitScript(() => {
    globalThis.moved = [];
    for (const event of ["animationstart", "transitionrun"]) {
      addEventListener(event, ({ target }) => globalThis.moved.push(`${event} ${target.className}`), true);
    }
  });
}

/** Does something of everything, and returns what moved. */
async function act(person, who, reducedMotion) {
  const somebody = await person({ reducedMotion });
  await noteMotion(somebody.context);
  const account = await signedUp(somebody, who);
  await account.add("Milk", "Bread");
  const page = await somebody.open(account.tasks);
  const list = new List(page);
  await list.handle("Milk").waitFor();
  await page.getByRole("button", { name: "Add", exact: true }).hover();
  await list.button("Complete:", "Milk").click();
  await list.undoByToast("Completed: Milk");
  await list.handle("Milk").press("ArrowDown");
  await list.shows("Bread", "Milk");
  await list.button("Delete", "Milk").click();
  await list.toast.filter({ hasText: "Deleted: Milk" }).waitFor();
  await list.edit("Bread");
  await page.getByRole("slider").press("Home");
  await page.getByText("Before the first change").waitFor();
  // Two frames later everything that is to move does.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const running = await page.evaluate(() => document.getAnimations().length);
  return { running, moved: await page.evaluate("moved") };
}

await keep(async ({ person }) => {
  assert.deepEqual(await act(person, ADA, "reduce"), { running: 0, moved: [] });
  const { moved } = await act(person, GRACE, "no-preference");
  assert.ok(moved.includes("animationstart toast") && moved.includes("transitionrun button"), moved.join("\n"));
});
