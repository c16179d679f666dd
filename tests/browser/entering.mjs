// A password that was typed stays when something else is wrong, can be looked at, and goes when it was itself refused.

import assert from "node:assert/strict";

import { ADA, PASSWORD } from "./lib/account.mjs";
import { keep } from "./lib/promise.mjs";

await keep(async ({ person }) => {
  const ada = await person();
  ada.expecting(/^console error: .* status of 400 \(Bad Request\) \(.*\/api\/auth\/signup\)$/, { atLeast: 2, atMost: 2 });
  const page = await ada.open("/signup");
  const field = page.locator("#password");
  await page.getByLabel("Name").fill(ADA.name);
  await page.getByLabel("Email").fill("ada");
  await field.fill(PASSWORD);
  await page.getByRole("button", { name: "Show password" }).click();
  assert.equal(await field.getAttribute("type"), "text");
  await page.getByRole("button", { name: "Hide password" }).click();
  assert.equal(await field.getAttribute("type"), "password");
  await page.getByRole("button", { name: "Sign up" }).click();
  const problem = page.getByText("Email must be an email address such as ada@example.com");
  await problem.waitFor();
  assert.equal(await field.inputValue(), PASSWORD);
  // What is wrong with a field is not said any more once somebody changes it.
  await page.getByLabel("Email").fill(ADA.email);
  assert.equal(await problem.count(), 0);
  await field.fill("short");
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByText("Password must have at least 8 characters").waitFor();
  assert.equal(await field.inputValue(), "");
  await field.fill(PASSWORD);
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.waitForURL("**/tasks/*");
});
