// The typed client. Paths, parameters, bodies and answers all come from the OpenAPI document: openapi-typescript makes
// `schema.d.ts` of it before this is compiled.

import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema.js";

export type Api = Client<paths>;
export type Schemas = components["schemas"];

/** What the clients say of themselves; their sessions remember it. */
export const USER_AGENT = "keyfold-flow";

/** A client that sends these credentials with every request: a bearer token, a cookie, or none. */
export function client(baseUrl: string, credentials: { bearer?: string; cookie?: string } = {}): Api {
  const headers: Record<string, string> = { "User-Agent": USER_AGENT };
  if (credentials.bearer !== undefined) headers["Authorization"] = `Bearer ${credentials.bearer}`;
  if (credentials.cookie !== undefined) headers["Cookie"] = credentials.cookie;
  return createClient<paths>({ baseUrl, headers });
}
