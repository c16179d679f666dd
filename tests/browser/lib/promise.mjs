// A script that shows that a promise is kept: `node SCRIPT ORIGIN ARGUMENT…`. It ends with status 1 if it is not.

import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { launch } from "./browser.mjs";
import { person } from "./person.mjs";
import { directory, screenshot } from "./screenshots.mjs";

/** Longest time for everything: the test waits somewhat longer, and would learn nothing. */
const PATIENCE_MS = 270_000;

/**
 * Runs a script of a promise: `act` gets the server's `origin`, the other arguments as `args`, and `person(options)`, which
 * makes somebody new. It must not throw, and nothing may go wrong in anybody's pages.
 */
export async function keep(act) {
  const [script, origin, ...args] = process.argv.slice(1);
  const failures = await failuresOf(basename(script, ".mjs"), { origin, args }, act);
  for (const failure of failures) console.log(failure);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

/** Why a promise is not kept; pictures of its pages, and what the console was told, are in `failed` then. */
export async function failuresOf(name, { origin, args }, act) {
  forget(name);
  const browser = await launch();
  const people = [];
  const failures = [];
  const newcomer = async (options) => {
    const somebody = await person(browser, origin, options);
    people.push(somebody);
    return somebody;
  };
  try {
    await inTime(act({ origin, args, person: newcomer }));
  } catch (error) {
    failures.push(stripVTControlCharacters(error.stack ?? String(error)));
  }
  for (const somebody of people) failures.push(...(await somebody.failures()));
  if (failures.length > 0) await leaveEvidence(name, people, failures);
  await browser.close();
  return failures;
}

async function inTime(acting) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`this takes more than ${PATIENCE_MS / 1000} seconds`)), PATIENCE_MS);
  });
  await Promise.race([acting, late]).finally(() => clearTimeout(timer));
}

/** Removes what an earlier run left. */
function forget(name) {
  const failed = directory("failed");
  const own = readdirSync(failed).filter((file) => file === `${name}.txt` || file.startsWith(`${name}.page`));
  for (const file of own) rmSync(join(failed, file));
}

async function leaveEvidence(name, people, failures) {
  const failed = directory("failed");
  const pages = people.flatMap(({ context }) => context.pages());
  const records = people.flatMap(({ record }, index) => ["", `person ${index + 1}:`, ...record.lines]);
  writeFileSync(join(failed, `${name}.txt`), [...failures, ...records, ""].join("\n"));
  for (const [index, page] of pages.entries()) {
    // A page that cannot be shown does not hide what went wrong.
    await screenshot(page, join(failed, `${name}.page-${index + 1}.png`)).catch(() => undefined);
  }
}
