// What these tests rely on: whatever goes wrong on a page is noticed, and under the strictest policy a page can still be
// checked and pictured. The pages of this script are its own.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { assertAccessible } from "./lib/accessible.mjs";
import { failuresOf } from "./lib/promise.mjs";
import { screenshots } from "./lib/screenshots.mjs";

const STRICT =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const STYLE = ":root { color-scheme: light dark } @keyframes turn { to { rotate: 1turn } } p { animation: turn 1s infinite }";

/** What the script of a page does, and how what is told of it begins. Nothing is wrong with the first. */
const PAGES = {
  good: ["console.info('fine')", []],
  error: ["console.error('oh', 'no')", ["console error: oh no (ORIGIN/error.js)"]],
  warning: ["console.warn('careful')", ["console warning: careful (ORIGIN/warning.js)"]],
  thrown: ["setTimeout(() => { throw new Error('dropped') })", ["page error: Error: dropped\n"]],
  rejected: ["Promise.reject(new Error('nobody cares'))", ["page error: Error: nobody cares\n"]],
  markup: [
    "try { document.body.innerHTML = 'x' } catch {}",
    ["console error: This document requires 'TrustedHTML' assignment."],
  ],
  inline: [
    "document.body.setAttribute('style', 'color: red')",
    ["console error: Applying inline style violates the following Content Security Policy directive 'style-src 'self''"],
  ],
};

/** What is asked for by a page without a policy, and how what is told of it begins. */
const REQUESTS = [
  ["/nothing", ["console error: Failed to load resource: the server responded with a status of 404 (Not Found) (ORIGIN/nothing)"]],
  [
    "/hang-up",
    [
      "failed request: GET net::ERR_EMPTY_RESPONSE (ORIGIN/hang-up)",
      "console error: Failed to load resource: net::ERR_EMPTY_RESPONSE (ORIGIN/hang-up)",
    ],
  ],
  [
    "http://elsewhere.example/",
    [
      "foreign request:  (http://elsewhere.example/)",
      "failed request: GET net::ERR_NAME_NOT_RESOLVED (http://elsewhere.example/)",
      "console error: Failed to load resource: net::ERR_NAME_NOT_RESOLVED (http://elsewhere.example/)",
    ],
  ],
];

const server = createServer((request, response) => {
  const name = request.url.slice(1).split(".")[0];
  const answer = (type, body) => response.setHeader("content-type", `${type}; charset=utf-8`).end(body);
  if (request.url === "/style.css") return answer("text/css", STYLE);
  if (request.url === "/hang-up") return request.destroy();
  if (request.url.endsWith(".js") && name in PAGES) return answer("text/javascript", `${PAGES[name][0]}; ready()`);
  if (request.url === "/ready.js") return answer("text/javascript", "const ready = () => document.body.dataset.ready = 1");
  if (name === "nothing") return response.writeHead(404).end();
  if (name !== "free") response.setHeader("content-security-policy", STRICT);
  answer("text/html", page(name));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;
process.env.SCREENSHOTS = mkdtempSync(join(tmpdir(), "keyfold-harness."));

function page(name) {
  const script = name in PAGES ? `<script src="/ready.js"></script><script src="/${name}.js"></script>` : "";
  const image = name === "inaccessible" ? '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">' : "";
  return `<!doctype html>
    <html lang="en"><head><title>A page</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head>
    <body><main><h1>A page</h1><p>It turns.</p><label>Name <input autofocus></label>${image}
      <noscript><p>It stands without scripts.</p></noscript></main>${script}</body></html>`;
}

/** What fails in a promise about these pages. */
const failuresIn = (act) => failuresOf("harness", { origin, args: [] }, act);

/** Fails unless each failure begins as it should, and there are no others. */
function assertBegin(failures, beginnings) {
  const expected = beginnings.map((beginning) => beginning.replace("ORIGIN", origin));
  assert.equal(failures.length, expected.length, failures.join("\n"));
  assert.deepEqual(failures.map((failure, index) => failure.slice(0, expected[index].length)), expected);
}

/** The names of the pictures and records so far. */
const files = (...below) => readdirSync(join(process.env.SCREENSHOTS, ...below)).sort();

async function openedBy(somebody, name) {
  const page = await somebody.open(`/${name}`);
  if (name in PAGES) await page.locator("body[data-ready]").waitFor();
  return page;
}

async function whateverPagesComplainOfIsNoticed() {
  const failures = await failuresIn(async ({ person }) => {
    for (const name of Object.keys(PAGES)) await openedBy(await person(), name);
  });
  assertBegin(failures, Object.values(PAGES).flatMap(([, told]) => told));
}

/** Sends a request from a page, whatever becomes of it. */
const send = (page, url) => page.evaluate((url) => fetch(url, { mode: "no-cors" }).catch(() => undefined).then(() => 0), url);

async function whateverRequestsComeToIsNoticed() {
  const failures = await failuresIn(async ({ person }) => {
    for (const [url] of REQUESTS) await send(await openedBy(await person(), "free"), url);
  });
  assertBegin(failures, REQUESTS.flatMap(([, told]) => told));
}

async function onlyTheServersOwnOriginMayBeAsked() {
  const other = origin.replace("127.0.0.1", "localhost");
  const failures = await failuresIn(async ({ person }) => {
    await send(await openedBy(await person(), "free"), `${other}/good`);
    await send(await openedBy(await person({ origins: [other] }), "free"), `${other}/good`);
  });
  assert.deepEqual(failures, [`foreign request:  (${other}/good)`]);
}

async function whatIsExpectedHasToHappen() {
  const failures = await failuresIn(async ({ person }) => {
    const [ada, grace, alan, eve] = [await person(), await person(), await person(), await person()];
    ada.expecting(/^console error: .* status of 404 /);
    grace.expecting(/^console error: .* status of 404 /, { atMost: 1 });
    alan.expecting(/^console error: .* status of 401 /);
    eve.expecting(/^console error: .* status of 401 /, { atLeast: 0 });
    for (const somebody of [ada, grace]) {
      const page = await openedBy(somebody, "free");
      await send(page, "/nothing");
      await send(page, "/nothing.again");
    }
  });
  assertBegin(failures, [
    "console error: Failed to load resource: the server responded with a status of 404 (Not Found) (ORIGIN/nothing.again)",
    "expected at least 1 of /^console error: .* status of 401 /, but saw 0",
  ]);
}

async function aPageIsCheckedUnderTheStrictestPolicy() {
  const failures = await failuresIn(async ({ person }) => {
    await assertAccessible(await openedBy(await person(), "good"));
    await assert.rejects(assertAccessible(await openedBy(await person(), "inaccessible")), (error) => {
      assert.match(error.message, /inaccessible breaks 1 rules:\n {2}image-alt \(critical\): Images must have .*\n {4}img: <img/);
      return true;
    });
  });
  assert.deepEqual(failures, []);
}

async function picturesAreTakenUnderTheStrictestPolicyAndNothingMovesInThem() {
  const failures = await failuresIn(async ({ person }) => {
    const page = await openedBy(await person({ viewport: { width: 500, height: 400 }, colorScheme: "dark" }), "good");
    await screenshots(page, "one");
    await screenshots(page, "two");
    const now = await page.evaluate(() => [innerWidth, matchMedia("(prefers-color-scheme: dark)").matches]);
    assert.deepEqual(now, [500, true]);
  });
  assert.deepEqual(failures, []);
  const names = ["1440-dark", "1440-light", "360-dark", "360-light", "768-dark", "768-light"];
  assert.deepEqual(files(), ["failed", ...["one", "two"].flatMap((name) => names.map((rest) => `${name}-${rest}.png`))]);
  for (const name of names) {
    const [one, two] = ["one", "two"].map((each) => readFileSync(join(process.env.SCREENSHOTS, `${each}-${name}.png`)));
    // The width of a PNG stands there.
    assert.equal(one.readUInt32BE(16), Number(name.split("-")[0]));
    assert.ok(one.equals(two), name);
  }
  const [light, dark] = ["light", "dark"].map((scheme) => readFileSync(join(process.env.SCREENSHOTS, `one-360-${scheme}.png`)));
  assert.ok(!light.equals(dark));
}

async function aFailureLeavesPicturesAndWhatTheConsoleWasTold() {
  const failures = await failuresIn(async ({ person }) => {
    const ada = await person();
    await openedBy(ada, "good");
    await openedBy(ada, "warning");
    throw new Error("it is not so");
  });
  assertBegin(failures, ["Error: it is not so\n", PAGES.warning[1][0]]);
  assert.deepEqual(files("failed"), ["harness.page-1.png", "harness.page-2.png", "harness.txt"]);
  const told = readFileSync(join(process.env.SCREENSHOTS, "failed/harness.txt"), "utf8").replaceAll(origin, "ORIGIN");
  const record = ["", "person 1:", "console info: fine (ORIGIN/good.js)", PAGES.warning[1][0], ""];
  assert.ok(told.startsWith("Error: it is not so\n") && told.endsWith(record.join("\n")), told);
  assert.deepEqual(await failuresIn(async () => undefined), []);
  assert.deepEqual(files("failed"), []);
}

async function aPageIsOpenedAndCheckedWithoutScripts() {
  const failures = await failuresIn(async ({ person }) => {
    const ada = await person({ javaScriptEnabled: false });
    const page = await ada.open("/error");
    await page.locator("noscript p").waitFor();
    await assertAccessible(page);
    await screenshots(page, "still");
    await assert.rejects(assertAccessible(await ada.open("/inaccessible")), /image-alt \(critical\)/);
  });
  assert.deepEqual(failures, []);
}

try {
  await whateverPagesComplainOfIsNoticed();
  await whateverRequestsComeToIsNoticed();
  await onlyTheServersOwnOriginMayBeAsked();
  await whatIsExpectedHasToHappen();
  await aPageIsCheckedUnderTheStrictestPolicy();
  await picturesAreTakenUnderTheStrictestPolicyAndNothingMovesInThem();
  await aFailureLeavesPicturesAndWhatTheConsoleWasTold();
  await aPageIsOpenedAndCheckedWithoutScripts();
} finally {
  rmSync(process.env.SCREENSHOTS, { recursive: true });
  server.closeAllConnections();
  server.close();
}
