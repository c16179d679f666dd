// Verifies fresh and older access tokens with jose while the server's keys rotate in real time.
//
// Usage: node soak-jose.mjs <origin> <seconds> [rotations]. Goes on for so long, and until it has seen so many rotations.
// Its key sets keep their copy of the JWKS for as long as the server says, and never look again because a key is unknown:
// a key that signs before it is known everywhere is a failure. Prints one line of JSON; ends with status 1 after a failure.

import { setTimeout as pause } from "node:timers/promises";

import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";

const VERIFIERS = 4;
const PACE_MS = 20;
/** Tokens that are verified again later, by key: the last one that each key signed. */
const KEPT = 3;

const [origin, seconds, rotations = 0] = process.argv.slice(2);
const jwks = new URL("/.well-known/jwks.json", origin);
const maxAge = await advertisedMaxAge();
// Begun at different times, so that their copies are never of the same age.
const verifiers = Array.from({ length: VERIFIERS }, (_, number) => ({
  from: Date.now() + (number * maxAge * 1000) / VERIFIERS,
  keys: createRemoteJWKSet(jwks, { cacheMaxAge: maxAge * 1000, cooldownDuration: Number.MAX_SAFE_INTEGER }),
}));
const session = await signUp();
const began = Date.now();
const lastOf = new Map();
let verifications = 0;
let failures = 0;

while (Date.now() - began < seconds * 1000 || lastOf.size - 1 < rotations) {
  const token = await freshToken();
  lastOf.set(decodeProtectedHeader(token).kid, token);
  for (const { keys } of verifiers.filter(({ from }) => from <= Date.now())) {
    for (const candidate of [token, ...older()]) await verify(candidate, keys);
  }
  await pause(PACE_MS);
}
const ran = Math.round((Date.now() - began) / 1000);
console.log(JSON.stringify({ seconds: ran, maxAge, rotations: lastOf.size - 1, verifications, failures }));
process.exitCode = failures === 0 ? 0 : 1;

/** The last tokens of the keys before, as long as they are valid. */
function older() {
  const before = [...lastOf.values()].slice(-1 - KEPT, -1);
  return before.filter((token) => decodeJwt(token).exp * 1000 > Date.now() + 1000);
}

async function verify(token, keys) {
  verifications += 1;
  try {
    await jwtVerify(token, keys, { issuer: origin, audience: origin, algorithms: ["RS256"], typ: "at+jwt" });
  } catch (error) {
    failures += 1;
    console.error(`${new Date().toISOString()} ${decodeProtectedHeader(token).kid} ${error.code}: ${error.message}`);
  }
}

async function advertisedMaxAge() {
  const response = await fetch(jwks);
  return Number(/max-age=(\d+)/.exec(response.headers.get("cache-control"))[1]);
}

async function signUp() {
  const email = `soak-${Date.now()}@example.com`;
  const body = JSON.stringify({ email, password: "correct horse battery staple", name: "Soak" });
  const headers = { "content-type": "application/json" };
  const response = await fetch(new URL("/api/auth/signup", origin), { method: "POST", headers, body });
  if (response.status !== 201) throw new Error(`sign up: ${response.status} ${await response.text()}`);
  return (await response.json()).session.token;
}

async function freshToken() {
  const headers = { authorization: `Bearer ${session}` };
  const response = await fetch(new URL("/api/auth/token", origin), { headers });
  if (response.status !== 200) throw new Error(`token: ${response.status} ${await response.text()}`);
  return (await response.json()).token;
}
