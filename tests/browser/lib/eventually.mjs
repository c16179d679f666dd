// Waiting for what people wait for: that a page shows something.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { PATIENCE_MS } from "./person.mjs";

/** Between one look and the next. */
const LOOK_AGAIN_AFTER_MS = 25;

/** Looks until what is seen is as expected; fails with the difference if it never is. */
export async function eventually(look, expected) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (isDeepStrictEqual(seen, expected)) return;
    if (Date.now() > deadline) assert.deepEqual(seen, expected);
    await setTimeout(LOOK_AGAIN_AFTER_MS);
  }
}
