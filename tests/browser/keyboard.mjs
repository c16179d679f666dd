// Everything is done with a keyboard alone, and it is always seen where one is.

import assert from "node:assert/strict";

import { ADA } from "./lib/account.mjs";
import { eventually } from "./lib/eventually.mjs";
import { Keyboard } from "./lib/keyboard.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

async function signsUp(keys, page) {
  await keys.to('link "Skip to the content"');
  await keys.to('link "Create an account"');
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Create an account" }).waitFor();
  await keys.to('textbox "Name"');
  await keys.type(ADA.name);
  await keys.to('textbox "Email"');
  await keys.type(ADA.email);
  await keys.to('textbox "Password"');
  await keys.type(ADA.password);
  await keys.to('button "Sign up"');
  await keys.press("Enter");
  await page.getByText("Nothing here yet.").waitFor();
}

/** What stands above the content is passed over at once. */
async function skips(keys) {
  await keys.to('link "Skip to the content"');
  await keys.press("Enter");
  await eventually(() => keys.where(), "main");
}

async function adds(keys, list) {
  await keys.to('textbox "New task"');
  await keys.type("Milk");
  await keys.press("Enter");
  await keys.type("Bread");
  await keys.to('combobox "Priority"');
  await keys.press("ArrowDown");
  await keys.to('button "Add"');
  await keys.press("Space");
  await list.shows("Milk", "Bread | low");
  assert.equal(await keys.where(), 'textbox "New task"');
}

async function completes(keys, list) {
  await keys.to('button "Complete: Milk"');
  await keys.press("Space");
  await list.shows("Milk | done", "Bread | low");
  assert.equal(await keys.where(), 'button "Complete: Milk" [pressed]');
  await keys.assertSeen();
}

async function edits(keys, list) {
  await keys.to('button "Bread"');
  await keys.press("Enter");
  await eventually(() => keys.where(), 'textbox "Title": Bread');
  await keys.assertSeen();
  await keys.type("Rye bread");
  await keys.to('textbox "Tags, separated by commas"');
  await keys.type("shop");
  await keys.to('button "Save"');
  await keys.press("Enter");
  await list.shows("Milk | done", "Rye bread | low | shop");
  await eventually(() => keys.where(), 'button "Rye bread"');
  await keys.assertSeen();
}

async function reorders(keys, list) {
  await keys.back('button "Move Rye bread: arrow up or down"');
  await keys.press("ArrowUp");
  await list.shows("Rye bread | low | shop", "Milk | done");
  assert.equal(await keys.where(), 'button "Move Rye bread: arrow up or down"');
  await keys.press("ArrowDown");
  await list.shows("Milk | done", "Rye bread | low | shop");
  assert.equal(await keys.where(), 'button "Move Rye bread: arrow up or down"');
  await keys.assertSeen();
}

async function deletesAndUndoes(keys, list) {
  await keys.back('button "Delete Milk"');
  await keys.press("Enter");
  await list.shows("Rye bread | low | shop");
  assert.equal(await keys.where(), 'button "Rye bread"');
  await keys.assertSeen();
  await list.toast.filter({ hasText: "Deleted: Milk" }).waitFor();
  await keys.to('button "Undo"');
  await keys.press("Enter");
  await list.shows("Milk | done", "Rye bread | low | shop");
  await keys.assertSeen();
}

/** Whatever was at hand goes away: one goes on where it was. */
async function losesNoPlace(keys, list) {
  await keys.to('combobox "Show"');
  await keys.press("ArrowDown");
  await list.shows("Rye bread | low | shop");
  await keys.to('button "Complete: Rye bread"');
  await keys.press("Space");
  await list.shows();
  assert.equal(await keys.where(), "main");
  await keys.press("Control+Z");
  await list.shows("Rye bread | low | shop");
  await keys.to('button "Undo"');
}

await keep(async ({ person }) => {
  const page = await (await person()).open("/");
  const [keys, list] = [new Keyboard(page), new List(page)];
  await signsUp(keys, page);
  await skips(keys);
  await adds(keys, list);
  await completes(keys, list);
  await edits(keys, list);
  await reorders(keys, list);
  await deletesAndUndoes(keys, list);
  await losesNoPlace(keys, list);
});
