// A page as everybody gets it to see: by day and by night, on a telephone, a tablet and a desk, and with whatever they have.

import assert from "node:assert/strict";

import { assertAccessible } from "./accessible.mjs";
import { screenshots } from "./screenshots.mjs";

const TELEPHONE = { width: 360, height: 740 };

/** Checks a page, or a state of one, and takes its pictures. */
export async function seen(page, name) {
  const before = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await assertAccessible(page);
    await page.setViewportSize(TELEPHONE);
    await assertAccessible(page);
    await assertFits(page);
    await page.setViewportSize(before);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await screenshots(page, name);
}

/** On a telephone nobody has to scroll sideways (WCAG 2.2, criterion 1.4.10). */
async function assertFits(page) {
  const [is, has] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(is <= has, `${page.url()} is ${is} wide and has ${has}`);
}
