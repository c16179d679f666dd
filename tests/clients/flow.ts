// The whole flow through a client generated from the OpenAPI document, against a running server.
//
// Usage: node flow.js <base url>. Ends with status 1 at the first answer that is not as promised, and names its step.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import * as authentication from "./authentication.js";
import { equal, succeeded } from "./answers.js";
import { client } from "./client.js";
import { TaskList, keepsTasks, refusesOthers, refusesWrongInput } from "./tasks.js";

async function step<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
  try {
    const result = await run();
    console.log(`ok: ${name}`);
    return result;
  } catch (error) {
    throw new Error(`failed: ${name}`, { cause: error });
  }
}

async function isHealthy(url: string): Promise<void> {
  equal(succeeded(await client(url).GET("/health/live"), 200), { status: "ok" });
  const ready = succeeded(await client(url).GET("/health/ready"), 200);
  equal(ready, { status: "ok", logHead: ready.logHead });
  assert.ok(Number.isSafeInteger(ready.logHead), "a position of the log");
}

async function publishesKeys(url: string): Promise<void> {
  const { keys } = succeeded(await client(url).GET("/.well-known/jwks.json"), 200);
  for (const key of keys) {
    assert.ok(key.kty === "RSA", "an RSA key unless another algorithm is configured");
    equal(key, { kty: "RSA", use: "sig", alg: "RS256", kid: key.kid, n: key.n, e: "AQAB" });
  }
}

async function flow(url: string): Promise<void> {
  const email = `ada-${randomUUID()}@example.com`;
  await step("the server is healthy", () => isHealthy(url));
  await step("the keys are public", () => publishesKeys(url));
  const ada = await step("ada signs up", () => authentication.signsUp(url, email));
  const bob = await step("bob signs up", () => authentication.signsUp(url, `bob-${randomUUID()}@example.com`));
  await step("nobody signs up twice or without valid input", () => authentication.isRefusedToSignUp(url, email));
  await step("ada sees her session", () => authentication.seesTheSession(url, ada));
  await step("ada gets fresh tokens", () => authentication.getsAFreshToken(url, ada));
  const list = new TaskList(url, ada.body.token, ada.body.user.id);
  await step("ada keeps tasks", () => keepsTasks(list));
  await step("wrong input is refused", () => refusesWrongInput(list));
  await step("others are refused", () => refusesOthers(url, ada.body.user.id, bob.body.token));
  await step("wrong credentials are refused", () => authentication.isRefusedToSignIn(url, email));
  const again = await step("ada signs in again", () => authentication.signsIn(url, email, ada));
  await step("ada signs out", () => authentication.signsOut(url, again));
  await step("her first session lives on", () => authentication.seesTheSession(url, ada));
  const renamed = await step("ada changes her name", () => authentication.changesTheName(url, ada));
  await step("ada changes her password", () => authentication.changesThePassword(url, email, renamed));
}

const [url, ...rest] = process.argv.slice(2);
if (url === undefined || rest.length > 0) {
  console.error("usage: node flow.js <base url>");
  process.exitCode = 2;
} else {
  await flow(url).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
