// What the flow demands of answers: their status and their whole body. The first one that differs throws.

import assert from "node:assert/strict";

import type { Schemas } from "./client.js";

interface Answer<Body> {
  data?: Body;
  error?: unknown;
  response: Response;
}

interface FailedAnswer {
  data?: unknown;
  error?: Schemas["Error"];
  response: Response;
}

const CHALLENGE = 'Bearer realm="keyfold"';

/** A failure without its trace id, which is another one every time. */
type Failure = Omit<Schemas["Error"], "traceId">;

/** The body of an answer that must be a success with this status. */
export function succeeded<Body>(answer: Answer<Body>, status: number): Body {
  if (answer.data === undefined) {
    assert.fail(`expected ${status}, got ${answer.response.status}: ${JSON.stringify(answer.error)}`);
  }
  assert.equal(answer.response.status, status, "the status");
  assert.equal(answer.response.headers.get("Content-Type"), "application/json", "the content type");
  return answer.data;
}

/** Demands a failure with this status and body. */
export function failed(answer: FailedAnswer, status: number, expected: Failure): void {
  if (answer.error === undefined) {
    assert.fail(`expected ${status}, got ${answer.response.status}: ${JSON.stringify(answer.data)}`);
  }
  const { traceId, ...failure } = answer.error;
  assert.deepEqual(failure, expected);
  assert.match(traceId, /^[0-9a-f]{32}$/, "the trace id");
  assert.equal(answer.response.status, status, "the status");
  assert.equal(answer.response.headers.get("Content-Type"), "application/json", "the content type");
}

/** Demands `401` because no token was sent: the challenge then names no error (RFC 6750, section 3.1). */
export function unauthenticated(answer: FailedAnswer, expected: Failure): void {
  failed(answer, 401, expected);
  assert.equal(answer.response.headers.get("WWW-Authenticate"), CHALLENGE);
}

/** Demands `401` because of the token that was sent: the challenge says why, the message says it to people. */
export function tokenRefused(answer: FailedAnswer, code: string, reason: string): void {
  failed(answer, 401, { code, message: reason.charAt(0).toUpperCase() + reason.slice(1) });
  const challenge = `${CHALLENGE}, error="invalid_token", error_description="${reason}"`;
  assert.equal(answer.response.headers.get("WWW-Authenticate"), challenge);
}

/** Demands that a body is this one, all of it. `Body` makes the compiler demand the same of the types. */
export function equal<Body>(actual: Body, expected: Body): void {
  assert.deepEqual(actual, expected);
}

/** Demands a time as the API writes it: UTC with exactly three fraction digits. */
export function isTime(text: string): void {
  assert.match(text, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/, "a time");
}
