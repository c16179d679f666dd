// Pictures of whole pages, for people to look at.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

const WIDTHS = [360, 768, 1440];
const HEIGHT = 900;
const SCHEMES = ["light", "dark"];

/** Where pictures go. */
export function directory(...below) {
  const path = join(process.env.SCREENSHOTS ?? "target/screenshots", ...below);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Pictures of a page on a telephone, a tablet and a desk, by day and by night: `NAME-360-dark.png` and so on. */
export async function screenshots(page, name) {
  const before = page.viewportSize();
  const wasDark = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: HEIGHT });
      await screenshot(page, join(directory(), `${name}-${width}-${colorScheme}.png`));
    }
  }
  await page.emulateMedia({ colorScheme: wasDark ? "dark" : "light" });
  await page.setViewportSize(before);
}

/** A picture of a whole page, in which nothing moves. */
export async function screenshot(page, path) {
  await page.screenshot({ path, fullPage: true, animations: "disabled", caret: "hide" });
}
