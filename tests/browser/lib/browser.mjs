// The system's Chromium: nothing is downloaded, and it talks to the test's server alone.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Whatever it looks for elsewhere does not exist, and no proxy is asked either.
  "--no-proxy-server",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
];

/** A headless browser, which ends with this process. */
export function launch() {
  // Chromium has no sandbox for root.
  const chromiumSandbox = process.getuid() !== 0;
  return chromium.launch({ executablePath: executable(), headless: true, chromiumSandbox, args: FLAGS });
}

function executable() {
  const directories = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const found = NAMES.flatMap((name) => directories.map((directory) => join(directory, name))).find(isExecutable);
  if (!found) throw new Error("there is no Chromium on the PATH: run `make test`, which installs it");
  return found;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
