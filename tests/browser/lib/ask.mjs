// Has the test do what only it can, such as stopping the server: it reads what is printed here, and answers.

import { createInterface } from "node:readline";

/** Returns when the test has done it. */
export async function ask(what) {
  console.log(`ask: ${what}`);
  const lines = createInterface({ input: process.stdin });
  for await (const answer of lines) return answer;
  throw new Error(`nobody did it: ${what}`);
}
