// Two tabs of one browser, and two devices of one person, stay in step.

import { ADA, signedIn, signedUp } from "./lib/account.mjs";
import { eventually } from "./lib/eventually.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

/** What is done in one is seen in the other. */
async function followsEachOther(one, other) {
  const show = async (...lines) => {
    await one.shows(...lines);
    await other.shows(...lines);
  };
  await one.add("Milk");
  await other.shows("Milk");
  await other.add("Bread");
  await one.shows("Milk", "Bread");
  await one.add("Eggs", { priority: "High" });
  await show("Milk", "Bread", "Eggs | high");
  await one.button("Complete:", "Milk").click();
  await show("Milk | done", "Bread", "Eggs | high");
  await other.handle("Eggs").press("ArrowUp");
  await show("Milk | done", "Eggs | high", "Bread");
  await one.change("Bread", { Title: "Rye bread", Tags: "shop" });
  await show("Milk | done", "Eggs | high", "Rye bread | shop");
  await other.button("Delete", "Eggs").click();
  await show("Milk | done", "Rye bread | shop");
  for (const list of [one, other]) await eventually(() => list.counts(), "1 open, 1 done");
  await one.button("Delete", "Milk").click();
  await other.button("Delete", "Rye bread").click();
  await show();
}

await keep(async ({ person }) => {
  const laptop = await person();
  const account = await signedUp(laptop, ADA);
  const tabs = [await laptop.open(account.tasks), await laptop.open(account.tasks)].map((page) => new List(page));
  await followsEachOther(...tabs);
  await followsEachOther(...tabs.toReversed());

  const telephone = await person({ viewport: { width: 360, height: 800 }, hasTouch: true, isMobile: true });
  await signedIn(telephone, ADA);
  const list = new List(await telephone.open(account.tasks));
  await followsEachOther(tabs[1], list);
  // Somebody else has the connection now.
  await tabs[0].page.close();
  await followsEachOther(list, tabs[1]);
});
