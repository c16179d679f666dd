// A new person's way: from the start page to an account, a list in their own order, another name and another password.

import assert from "node:assert/strict";

import { ADA, signIn, signUp } from "./lib/account.mjs";
import { eventually } from "./lib/eventually.mjs";
import { List, day } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

const NEW_PASSWORD = "another horse, another staple";

async function getsAnAccount(page) {
  await page.getByRole("link", { name: "Create an account" }).click();
  await signUp(page, ADA);
  await page.getByRole("heading", { name: "Tasks", exact: true }).waitFor();
  await page.getByText("Nothing here yet. Add your first task above.").waitFor();
}

async function addsAndEdits(list) {
  await list.add("Buy milk");
  await list.add("Call the bank", { priority: "High", due: day(1) });
  await list.add("Water the plants", { due: day(0) });
  await list.add("Old idea", { priority: "Low", due: day(-1) });
  await list.shows(
    "Buy milk",
    "Call the bank | high | due tomorrow",
    "Water the plants | due today",
    "Old idea | low | due yesterday",
  );
  await list.change("Old idea", { Title: "Write to Grace", Description: "About the compiler.\nAnd the moth.", Priority: "Medium", Due: "", Tags: "letters, friends" });
  await list.shows(
    "Buy milk",
    "Call the bank | high | due tomorrow",
    "Water the plants | due today",
    "Write to Grace | About the compiler.\nAnd the moth. | medium | letters | friends",
  );
  const form = await list.edit("Buy milk");
  await form.getByLabel("Title").fill("Buy a cow");
  await form.getByRole("button", { name: "Cancel" }).click();
  await list.change("Buy milk", { Tags: "shop" });
  await list.change("Write to Grace", { Description: "", Tags: "letters" });
}

const ADDED = [
  "Buy milk | shop",
  "Call the bank | high | due tomorrow",
  "Water the plants | due today",
  "Write to Grace | medium | letters",
];
const [MILK, BANK, PLANTS, LETTER] = ADDED;
const MINE = [`${LETTER} | done`, BANK, PLANTS, `${MILK} | done`];

async function completes(list) {
  await list.shows(...ADDED);
  await list.button("Complete:", "Buy milk").click();
  await list.button("Complete:", "Call the bank").click();
  await list.shows(`${MILK} | done`, `${BANK} | done`, PLANTS, LETTER);
  await list.button("Complete:", "Call the bank").click();
  await list.shows(`${MILK} | done`, BANK, PLANTS, LETTER);
  await eventually(() => list.counts(), "3 open, 1 done");
}

/** Drags a task by its handle to the upper or lower part of another one. */
async function drag(list, title, other, part) {
  const { mouse } = list.page;
  const [from, to] = [await list.handle(title).boundingBox(), await list.item(other).boundingBox()];
  await mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await mouse.down();
  await mouse.move(from.x, to.y + to.height * part, { steps: 5 });
  await mouse.up();
}

async function reorders(list) {
  await drag(list, "Write to Grace", "Call the bank", 0.25);
  await list.shows(`${MILK} | done`, LETTER, BANK, PLANTS);
  await drag(list, "Buy milk", "Water the plants", 0.75);
  await list.shows(LETTER, BANK, PLANTS, `${MILK} | done`);
  const handle = list.handle("Call the bank");
  await handle.press("ArrowDown");
  await list.shows(LETTER, PLANTS, BANK, `${MILK} | done`);
  await handle.press("ArrowUp");
  await handle.press("ArrowUp");
  await list.shows(BANK, LETTER, PLANTS, `${MILK} | done`);
  const form = await list.edit("Call the bank");
  await form.getByRole("button", { name: "Move down" }).click();
  await form.getByRole("button", { name: "Cancel" }).click();
  await list.shows(LETTER, BANK, PLANTS, `${MILK} | done`);
}

async function finds(list) {
  const search = list.page.getByRole("search", { name: "Tasks" });
  await search.getByLabel("Search").fill("GRACE");
  await list.shows(LETTER);
  await search.getByLabel("Search").fill("nobody");
  await list.page.getByText("Nothing matches.").waitFor();
  await search.getByLabel("Search").fill("");
  await search.getByLabel("Show").selectOption("Open");
  await list.shows(LETTER, BANK, PLANTS);
  await list.button("Complete:", "Write to Grace").click();
  await list.shows(BANK, PLANTS);
  await search.getByLabel("Show").selectOption("Done");
  await list.shows(`${LETTER} | done`, `${MILK} | done`);
  await search.getByLabel("Show").selectOption("All");
  await search.getByLabel("Priority").selectOption("High");
  await list.shows(BANK);
  await search.getByLabel("Priority").selectOption("Any");
  await search.getByLabel("Sort by").selectOption("Due date");
  await list.shows(PLANTS, BANK, `${MILK} | done`, `${LETTER} | done`);
  assert.equal(await list.handle("Buy milk").count(), 0);
  await search.getByLabel("Sort by").selectOption("Priority");
  await list.shows(BANK, `${LETTER} | done`, PLANTS, `${MILK} | done`);
  await search.getByLabel("Sort by").selectOption("My order");
  await list.shows(...MINE);
}

async function changesNameAndPassword(page) {
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByLabel("Name").fill("Countess of Lovelace");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Your profile was changed.").waitFor();
  await page.reload();
  assert.equal(await page.getByLabel("Name").inputValue(), "Countess of Lovelace");
  await page.getByLabel("Current password").fill(ADA.password);
  await page.getByLabel("New password").fill(NEW_PASSWORD);
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("Your password was changed. Every other device is signed out.").waitFor();
}

/** Whoever uses this browser next sees nothing of it, going back neither. */
async function signsOut(ada, page, list) {
  await page.getByRole("link", { name: "Tasks" }).click();
  await list.shows(...MINE);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  ada.expecting(/^console error: .* status of 401 \(Unauthorized\) \(.*\/api\/auth\/signin\)$/, { atMost: 1 });
  await signIn(page, ADA);
  await page.getByRole("alert").getByText("Invalid email or password.").waitFor();
  await signIn(page, { ...ADA, password: NEW_PASSWORD });
  await page.getByRole("heading", { name: "Tasks", exact: true }).waitFor();
  await list.shows(...MINE);
}

await keep(async ({ person }) => {
  const ada = await person();
  const page = await ada.open("/");
  await getsAnAccount(page);
  const list = new List(page);
  await addsAndEdits(list);
  await completes(list);
  await reorders(list);
  await finds(list);
  await changesNameAndPassword(page);
  await signsOut(ada, page, list);
});
