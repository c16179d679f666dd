// The explorer shows the operations of the API.

import { keep } from "./lib/promise.mjs";

await keep(async ({ origin, person }) => {
  const document = await (await fetch(new URL("/openapi.json", origin))).json();
  const operations = Object.values(document.paths).flatMap(Object.values);

  const ada = await person();
  const page = await ada.open("/docs");
  await page.getByRole("heading", { name: "Keyfold", exact: false, level: 2 }).waitFor();
  const shown = page.locator(".opblock-summary");
  for (const { summary } of operations) await shown.getByText(summary, { exact: true }).waitFor();
});
