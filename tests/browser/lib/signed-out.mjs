// What a page becomes when its session ends: a dialog says so, and nothing of what it showed is left.

import assert from "node:assert/strict";

/** What the browser itself says of an answer to a page whose session is over. */
export const REFUSED = /^console error: .* status of 401 \(Unauthorized\) \(.*\/api\/(auth\/(session|token)|[0-9a-f-]+\/tasks.*)\)$/;

/** Waits until a page says that its session is over; nothing of these texts may be in it any more. */
export async function saysSignedOut(page, ...texts) {
  const dialog = page.getByRole("dialog", { name: "You are signed out" });
  await dialog.getByText("This session has ended. Sign in to go on where you were.").waitFor();
  assert.equal(await page.getByRole("main").innerHTML(), "");
  const left = await page.content();
  for (const text of texts) assert.ok(!left.includes(text), `${text} is left in ${left}`);
  await page.keyboard.press("Escape");
  assert.ok(await dialog.isVisible());
}

/** Notes when the dialog appears, as the page's own clock has it. */
export function whenSignedOut(page) {
  return page.evaluate(() => {
    const dialog = document.querySelector("#signed-out");
    globalThis.signedOut = new Promise((resolve) => {
      new MutationObserver(() => dialog.open && resolve(Date.now())).observe(dialog, { attributes: true });
    });
  });
}

/** Milliseconds from `began`, another page's `Date.now()`, until then. */
export async function signedOutAfter(page, began) {
  return (await page.evaluate("signedOut")) - began;
}
