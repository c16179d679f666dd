// Verifies an access token with jose, as a service would that knows nothing of Keyfold but its origin.
//
// Usage: node verify-jose.mjs <origin> <token>. Prints the claims as JSON. Ends with status 1 when the token is refused
// or a forged one accepted.

import assert from "node:assert/strict";

import { createRemoteJWKSet, jwtVerify } from "jose";

const [origin, token] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", origin));
// Everything that RFC 9068 requires, section 2.2, and section 4 of whoever verifies.
const requiredClaims = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];
const options = { issuer: origin, audience: origin, algorithms: ["RS256"], typ: "at+jwt", requiredClaims };

const { payload } = await jwtVerify(token, keys, options);
const forged = withClaims(token, { ...payload, sub: "somebody else" });
await assert.rejects(jwtVerify(forged, keys, options), { code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
console.log(JSON.stringify(payload));

/** The token with other claims under the old signature. */
function withClaims(token, claims) {
  const [header, , signature] = token.split(".");
  return [header, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
}
