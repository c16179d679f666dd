// Whoever has to sign in first comes back to where they wanted to go, and is led nowhere else.

import assert from "node:assert/strict";

import { ADA, GRACE, signIn, signUp, signedUp } from "./lib/account.mjs";
import { keep } from "./lib/promise.mjs";

/** Opens a path and returns the one that is shown. */
async function shown(page, path) {
  await page.goto(path);
  return pathOf(page);
}

function pathOf(page) {
  const { pathname, search } = new URL(page.url());
  return pathname + search;
}

await keep(async ({ person, origin }) => {
  const account = await signedUp(await person(), ADA);
  const { tasks } = account;
  for (const wanted of [tasks, "/account"]) {
    const page = await (await person()).open(wanted);
    assert.equal(pathOf(page), `/login?next=${encodeURIComponent(wanted)}`);
    await signIn(page, ADA);
    await page.waitForURL(wanted);
    assert.equal(await shown(page, "/login"), tasks);
    assert.equal(await shown(page, "/signup"), tasks);
    assert.equal(await shown(page, "/login?next=/account"), "/account");
    assert.equal(await shown(page, "/login?next=//elsewhere.example/"), tasks);
  }
  for (const elsewhere of ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)"]) {
    const page = await (await person()).open(`/login?next=${encodeURIComponent(elsewhere)}`);
    await signIn(page, ADA);
    await page.waitForURL(origin + tasks);
  }
  const page = await (await person()).open("/account");
  await page.getByRole("link", { name: "Create an account" }).click();
  await signUp(page, GRACE);
  await page.waitForURL("/account");
});
