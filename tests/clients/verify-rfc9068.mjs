// Verifies an access token with oauth4webapi, which keeps to every word of RFC 9068, section 4, as a service would that knows
// nothing of Keyfold but its origin and its own audience.
//
// Usage: node verify-rfc9068.mjs <origin> <audience> <token>. Prints the claims as JSON. Ends with status 1 when the token is
// refused, or accepted for another audience.

import assert from "node:assert/strict";

import { allowInsecureRequests, validateJwtAccessToken } from "oauth4webapi";

const [origin, audience, token] = process.argv.slice(2);
const server = { issuer: origin, jwks_uri: `${origin}/.well-known/jwks.json` };
const request = new Request("http://service.example/", { headers: { authorization: `Bearer ${token}` } });
// The server of a test has no certificate.
const options = { [allowInsecureRequests]: true };

await assert.rejects(validateJwtAccessToken(server, request, "https://another.example", options), /audience/);
console.log(JSON.stringify(await validateJwtAccessToken(server, request, audience, options)));
