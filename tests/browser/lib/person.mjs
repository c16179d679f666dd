// Somebody at a browser of their own: their cookies, their storage, and a record of everything that went wrong.

import { Record } from "./record.mjs";

/** Longest time a page may take for anything: the machine may be busy. */
export const PATIENCE_MS = 60_000;

/** What people have unless a test says otherwise. */
const USUAL = { viewport: { width: 1024, height: 768 }, locale: "en-GB", timezoneId: "UTC" };

/**
 * Somebody new, whose pages are of `origin`. The options are those of a context: `javaScriptEnabled`, `viewport`,
 * `colorScheme`, `reducedMotion` …; and `origins`, where else requests may go.
 */
export async function person(browser, origin, { origins = [], ...options } = {}) {
  const context = await browser.newContext({ ...USUAL, baseURL: origin, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  return new Person(context, new Record(context, [origin, ...origins]));
}

class Person {
  constructor(context, record) {
    this.context = context;
    this.record = record;
  }

  /** A new page at a path of the server. */
  async open(path) {
    const page = await this.context.newPage();
    await page.goto(path);
    return page;
  }

  /**
   * What fits the pattern is no failure from now on: a line such as `console error: … status of 401 … (URL)`. It has to
   * happen at least once, or `atLeast` so often, and at most `atMost` times.
   */
  expecting(pattern, often) {
    this.record.expect(pattern, often);
  }

  /** Everything that went wrong so far and should not have. */
  async failures() {
    // What a page has said is here before its answer to this.
    await Promise.all(this.context.pages().map((page) => page.evaluate("0").catch(() => undefined)));
    return this.record.failures();
  }
}
