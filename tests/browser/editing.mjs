// The form of a task writes back what was touched and nothing else, over nobody's change, and loses nothing that was typed.

import assert from "node:assert/strict";

import { ADA, signedIn, signedUp } from "./lib/account.mjs";
import { eventually } from "./lib/eventually.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

/** Values that a form cannot show as they are. */
const ODD = {
  title: "Odd", description: "  indented\r\n\r\nlines \t", due: "2026-12-24T18:00:00.123+01:00[Europe/Prague]",
  tags: ["a,b", 'say "hi"', "plain"],
};

const save = (form) => form.getByRole("button", { name: "Save" }).click();

const taskOf = (account, { id }) => account.ask("GET", `/api/${account.id}/tasks/${id}`);

/** What a task has beside its times and versions. */
async function content(account, task) {
  const { title, description, priority, due, tags } = await taskOf(account, task);
  return { title, description, priority, due, tags };
}

async function sendsWhatWasTouchedAlone(page, list, account, odd, empty) {
  for (const [task, title, description] of [[odd, "Odd", ODD.description], [empty, "Empty", ""]]) {
    const before = await content(account, task);
    assert.equal(before.description, description);
    await list.change(title, { Title: `${title} one` });
    await page.getByText(`Saved: ${title} one`).waitFor();
    assert.deepEqual(await content(account, task), { ...before, title: `${title} one` });
  }
  const before = await content(account, odd);
  await list.change("Odd one", { Tags: '"a,b", home, "say ""hi"""' });
  await page.getByText("Saved: Odd one").waitFor();
  await eventually(() => content(account, odd), { ...before, tags: ["a,b", "home", 'say "hi"'] });
  // Nothing was touched: nothing is sent.
  const { version } = await taskOf(account, odd);
  await save(await list.edit("Odd one"));
  assert.equal((await taskOf(account, odd)).version, version);
}

/** Another device changes the task while its form is open here. */
async function overwritesNobody(ada, page, list, account, milk) {
  const conflict = /^console error: .* status of 412 \(Precondition Failed\) \(.*\/tasks\/[0-9a-f-]+\)$/;
  ada.expecting(conflict, { atLeast: 3, atMost: 3 });
  // What is in the row around it changes.
  const form = page.locator("form").filter({ has: page.getByRole("button", { name: "Save" }) });
  await list.edit("Milk");
  await form.getByLabel("Title").fill("Oat milk");
  await account.change(milk, { priority: "high" });
  await save(form);
  await page.getByText("Saved: Oat milk").waitFor();
  await eventually(() => content(account, milk), { title: "Oat milk", description: null, priority: "high", due: null, tags: [] });

  await list.edit("Oat milk");
  await form.getByLabel("Title").fill("Soy milk");
  await form.getByLabel("Description").fill("Two litres");
  await account.change(milk, { title: "Rice milk" });
  await save(form);
  await form.getByText("The task has been changed meanwhile.").waitFor();
  assert.deepEqual(await form.getByRole("row").allTextContents(), ["FieldYoursTheirs", "TitleSoy milkRice milk"]);
  assert.equal((await content(account, milk)).title, "Rice milk");
  await form.getByRole("button", { name: "Keep mine" }).click();
  await page.getByText("Saved: Soy milk").waitFor();

  await list.edit("Soy milk");
  await form.getByLabel("Title").fill("Goat milk");
  await form.getByLabel("Description").fill("Three litres");
  await account.change(milk, { title: "Milk" });
  await save(form);
  await form.getByRole("button", { name: "Take theirs" }).click();
  assert.equal(await form.getByLabel("Title").inputValue(), "Milk");
  await save(form);
  await eventually(() => content(account, milk), { title: "Milk", description: "Three litres", priority: "high", due: null, tags: [] });
}

async function losesNothing(page, list) {
  let form = await list.edit("Bread");
  await form.getByLabel("Title").fill("Rye bread");
  await form.getByLabel("Title").press("Escape");
  await page.getByText("What you typed is kept as a draft of this task.").waitFor();
  form = await list.edit("Bread");
  assert.equal(await form.getByLabel("Title").inputValue(), "Rye bread");
  await form.getByText("This is your draft").waitFor();
  for (const leave of [() => page.reload(), () => page.goto("/account").then(() => page.goBack())]) {
    await leave();
    form = await list.edit("Bread");
    assert.equal(await form.getByLabel("Title").inputValue(), "Rye bread");
  }
  await form.getByRole("button", { name: "Cancel" }).click();
  form = await list.edit("Bread");
  assert.equal(await form.getByLabel("Title").inputValue(), "Bread");
  await form.getByRole("button", { name: "Cancel" }).click();
}

/** A draft is typed over what the task was then. */
async function aDraftOverwritesNobody(ada, page, list, there, bread) {
  ada.expecting(/^console error: .* status of 412 \(Precondition Failed\) \(.*\/tasks\/[0-9a-f-]+\)$/, { atLeast: 1, atMost: 1 });
  let form = await list.edit("Bread");
  await form.getByLabel("Title").fill("My bread");
  await page.keyboard.press("Escape");
  await there.change(bread, { title: "Their bread", priority: "low" });
  await list.handle("Their bread").waitFor();
  form = await list.edit("Their bread");
  assert.equal(await form.getByLabel("Title").inputValue(), "My bread");
  await save(form);
  await form.getByText("The task has been changed meanwhile.").waitFor();
  assert.deepEqual(await form.getByRole("row").allTextContents(), ["FieldYoursTheirs", "TitleMy breadTheir bread"]);
  await form.getByRole("button", { name: "Take theirs" }).click();
  await form.getByRole("button", { name: "Cancel" }).click();
  await there.change(bread, { title: "Bread", priority: "none" });
  await list.handle("Bread").waitFor();
}

/** What is asked for stands in the address. */
async function isFoundAgain(page, list, account) {
  await page.getByLabel("Show").selectOption("Open");
  await page.getByLabel("Search").fill("bread");
  await eventually(() => new URL(page.url()).search, "?q=bread&completed=false");
  await list.shows("Bread");
  await page.reload();
  await list.shows("Bread");
  assert.equal(await page.getByLabel("Search").inputValue(), "bread");
  await page.getByLabel("Sort by").selectOption("Due date");
  await eventually(() => new URL(page.url()).search, "?q=bread&completed=false&sort=due");
  await page.goBack();
  await eventually(() => page.getByLabel("Sort by").inputValue(), "position");
  await list.shows("Bread");
  await page.goto(account.tasks);
}

/** What is taken back is said, and that it was done elsewhere. */
async function saysWhatWasTakenBack(page, list, there, milk) {
  await there.change(milk, { title: "Their milk" });
  await list.handle("Their milk").waitFor();
  await page.keyboard.press("Control+z");
  await list.toast.filter({ hasText: "Undone: Renamed “Milk” to “Their milk”, which was done on another device." }).waitFor();
  await list.button("Complete:", "Bread").click();
  await list.toast.filter({ hasText: "Completed: Bread" }).waitFor();
  await page.keyboard.press("Control+z");
  await list.toast.filter({ hasText: /^Undone: Completed “Bread”\.$/ }).waitFor();
}

await keep(async ({ person }) => {
  const [ada, telephone] = [await person(), await person()];
  const account = await signedUp(ada, ADA);
  const [odd, empty, milk, bread] = await account.add(ODD, { title: "Empty", description: "" }, "Milk", "Bread");
  const page = await ada.open(account.tasks);
  const list = new List(page);
  await list.handle("Bread").waitFor();
  await sendsWhatWasTouchedAlone(page, list, account, odd, empty);
  const there = await signedIn(telephone, ADA);
  await overwritesNobody(ada, page, list, there, milk);
  await losesNothing(page, list);
  await aDraftOverwritesNobody(ada, page, list, there, bread);
  await isFoundAgain(page, list, account);
  await list.handle("Bread").waitFor();
  await saysWhatWasTakenBack(page, list, there, milk);
});
