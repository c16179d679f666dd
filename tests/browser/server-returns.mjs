// A page whose server went away says so, and opens again when it is back.

import { ask } from "./lib/ask.mjs";
import { keep } from "./lib/promise.mjs";

await keep(async ({ person }) => {
  const ada = await person();
  const page = await ada.open("/docs");

  await ask("stop");
  ada.expecting(/^failed request: GET net::ERR_CONNECTION_REFUSED/, { atMost: 1 });
  const refused = await page.reload().catch((error) => error.message);
  if (!String(refused).includes("ERR_CONNECTION_REFUSED")) throw new Error(`the server still answers: ${refused}`);
  // The browser's own page takes its place.
  await page.waitForURL(/^chrome-error:/);

  await ask("start");
  await page.goto("/docs");
  await page.locator(".opblock-summary").first().waitFor();
});
