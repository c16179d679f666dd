// Tabs of a page that is not secure share nothing, and a browser has six connections to a host: hidden tabs have none.

import { ADA, signedUp } from "./lib/account.mjs";
import { List } from "./lib/list.mjs";
import { keep } from "./lib/promise.mjs";

/** More tabs than a browser has connections. */
const TABS = 8;

/** Hides a tab, or shows it: a browser without a screen shows all of them. */
const hide = (page, isHidden) =>
  page.evaluate((isHidden) => {
    Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);

await keep(async ({ person }) => {
  const ada = await person();
  await ada.context.addInitScript(() => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }));
  const account = await signedUp(ada, ADA);
  await account.add("Bread");
  const tabs = [];
  for (let number = 0; number < TABS; number += 1) {
    if (tabs.length > 0) await hide(tabs.at(-1), true);
    const tab = await ada.open(account.tasks);
    await new List(tab).shows("Bread");
    tabs.push(tab);
  }
  await account.add("Milk");
  await new List(tabs.at(-1)).shows("Bread", "Milk");
  await hide(tabs.at(-1), true);
  await hide(tabs[0], false);
  await new List(tabs[0]).shows("Bread", "Milk");
  await account.add("Eggs");
  await new List(tabs[0]).shows("Bread", "Milk", "Eggs");
});
