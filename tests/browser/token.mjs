// The access token of a page is renewed before it expires, and is nowhere but in its memory.

import assert from "node:assert/strict";

import { ADA, signedUp } from "./lib/account.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

/** Everything that outlives a page, or that a script of another could read. */
function stored(page) {
  return page.evaluate(async () => ({
    localStorage: Object.entries(localStorage),
    sessionStorage: Object.entries(sessionStorage),
    records: await globalThis.records(),
    caches: await caches.keys(),
    cookie: document.cookie,
    name: window.name,
    history: history.state,
  }));
}

/** Every record of every database of a page, from inside. */
async function records() {
  const answered = (request) =>
    new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: reject }));
  const all = [];
  for (const { name } of await indexedDB.databases()) {
    const database = await answered(indexedDB.open(name));
    for (const store of database.objectStoreNames) all.push(...(await answered(database.transaction(store).objectStore(store).getAll())));
    database.close();
  }
  return all;
}

const NOTHING = { localStorage: [], sessionStorage: [], records: [], caches: [], cookie: "", name: "", history: null };

/** The next token that a page gets. */
async function next(page) {
  const answer = await page.waitForResponse((response) => response.url().endsWith("/api/auth/token"));
  return (await answer.json()).token;
}

/** The token that a page uses to add a task. */
async function used(page, list, title) {
  const [request] = await Promise.all([
    page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/tasks")),
    list.add(title),
  ]);
  return (await request.allHeaders()).authorization.replace("Bearer ", "");
}

const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

await keep(async ({ person }) => {
  const ada = await person();
  const account = await signedUp(ada, ADA);
  const page = await ada.context.newPage();
  await page.addInitScript(`globalThis.records = ${records}`);
  const list = new List(page);
  const [first] = await Promise.all([next(page), page.goto(account.tasks)]);
  assert.equal(await used(page, list, "Milk"), first);
  // Nobody does anything; no answer of 401 is expected either.
  const second = await next(page);
  assert.ok(claims(second).iat < claims(first).exp);
  assert.equal(await used(page, list, "Bread"), second);
  await list.shows("Milk", "Bread");
  assert.deepEqual(await stored(page), NOTHING);
  const [third] = await Promise.all([next(page), page.reload()]);
  assert.notEqual(third, second);
});
