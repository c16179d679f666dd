// Two people with a browser each: neither sees anything of the other's tasks.

import assert from "node:assert/strict";

import { ADA, GRACE, signedUp } from "./lib/account.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

const FORBIDDEN = /^console error: .* status of 403 \(Forbidden\) \(.*\/tasks\/[0-9a-f-]+\)$/;

await keep(async ({ person }) => {
  const [ada, grace] = [await person(), await person()];
  const [adas, graces] = [await signedUp(ada, ADA), await signedUp(grace, GRACE)];
  await adas.add("A secret of Ada's");
  await graces.add("A secret of Grace's");
  for (const [somebody, own, title, others, secret] of [
    [ada, adas, "A secret of Ada's", graces, "A secret of Grace's"],
    [grace, graces, "A secret of Grace's", adas, "A secret of Ada's"],
  ]) {
    somebody.expecting(FORBIDDEN, { atMost: 1 });
    const page = await somebody.open(own.tasks);
    await new List(page).shows(title);
    const answer = await page.goto(others.tasks);
    assert.equal(answer.status(), 403);
    await page.getByRole("heading", { name: "These tasks belong to somebody else" }).waitFor();
    await page.getByText("You are signed in, but not as the person whose list this is. Only they can see it.").waitFor();
    assert.ok(!(await page.content()).includes(secret));
    await page.getByRole("link", { name: "Go to your tasks" }).click();
    await page.waitForURL(own.tasks);
    await new List(page).shows(title);
  }
});
