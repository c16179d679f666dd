// The client of the API. The access token is kept here, in memory only, and renewed before it expires.

/** What a refusal means where people see it. */
const IN_WORDS = {
  TASK_NOT_FOUND: "This task was deleted somewhere else",
  VERSION_MISMATCH: "It has changed since; nothing was done",
};

/** The server refused. */
export class Refused extends Error {
  constructor(status, body, retryAfter) {
    super(IN_WORDS[body.code] ?? body.message ?? `The server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.details = body.details ?? [];
    /** What is there instead of what a condition wanted. */
    this.current = body.current;
    this.retryAfter = retryAfter * 1000 || 0;
  }

  /** Whether the same request may be answered otherwise in a moment. A proxy says so in its own words. */
  get willPass() {
    return [429, 502, 503, 504].includes(this.status) || this.code === "IDEMPOTENCY_KEY_IN_USE";
  }
}

/** Nobody answered: no network, or no server. */
export class Unreachable extends Error {
  willPass = true;
  retryAfter = 0;
}

/** The session is over: nothing will be answered any more. */
export class SignedOut extends Error {}

/** The number of a version: versions of one history compare by it. */
export const numberOf = (version) => Number.parseInt(version, 10);

/** Tells `call` of every request, `answers` when the server can be reached again, and `signedout` once. */
export const session = new EventTarget();

const ANSWER_WITHIN = 20_000;
/** Of the lifetime of a token, the part that is not used. */
const MARGIN = 0.2;
/** A password that is changed in another tab replaces the cookie a moment after it ends the session. */
const LOOK_AGAIN_AFTER = 200;

const user = document.querySelector("[data-user]")?.dataset.user;

async function sent(method, path, { headers = {}, body } = {}) {
  const started = performance.now();
  const isPatch = method === "PATCH";
  if (body !== undefined) headers["content-type"] = isPatch ? "application/merge-patch+json" : "application/json";
  let status = "no answer";
  try {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await fetch(path, { method, headers, body: text, signal: AbortSignal.timeout(ANSWER_WITHIN) });
    status = answer.status;
    return { status, body: await read(answer) };
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Unreachable("The server does not answer");
  } finally {
    const ms = Math.round(performance.now() - started);
    const detail = { method, path, body, status, ms, isKnown: Boolean(headers.authorization) };
    session.dispatchEvent(new CustomEvent("call", { detail }));
  }
}

async function read(answer) {
  const text = await answer.text();
  const isJson = answer.headers.get("content-type")?.startsWith("application/json");
  const body = text && isJson ? JSON.parse(text) : null;
  if (!answer.ok) throw new Refused(answer.status, body ?? {}, answer.headers.get("retry-after"));
  return body;
}

/** A request in the name of nobody, or of whoever the cookie stands for. */
export const open = sent;

/** Waits, but not longer than until the server can be reached again. */
export function pause(milliseconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      session.removeEventListener("answers", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
    session.addEventListener("answers", done);
  });
}

let token, renewing, timer;
let isOver = false;

/** The session of this page, once it has asked for something. */
export const ownSession = () => token?.session;

/** Whoever had the token may not use it any more. */
export function forgetToken() {
  token = undefined;
}

async function renewed() {
  const { body } = await sent("GET", "/api/auth/token");
  const claims = JSON.parse(atob(body.token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  requireUser(claims.sub);
  const lasts = body.expiresIn * 1000 * (1 - MARGIN);
  token = { text: body.token, session: claims.sid, until: Date.now() + lasts };
  clearTimeout(timer);
  // A page that nobody looks at does not keep its session from becoming idle.
  timer = setTimeout(() => document.hidden || renew().catch(() => {}), lasts);
  return token.text;
}

const renew = () => (renewing ??= orSignedOut(renewed).finally(() => (renewing = undefined)));

/** Whoever signs in in another tab has the cookie from then on. */
function requireUser(id) {
  if (id !== user) throw new Refused(401, { message: "Another user has signed in here." });
}

let checking;

/** Asks whether the session goes on; says so if it does not. */
export const checkSession = () => (checking ??= orSignedOut(asked).finally(() => (checking = undefined)));

async function asked() {
  const { body } = await sent("GET", "/api/auth/session");
  requireUser(body.user.id);
  // With another password there is another session.
  if (token?.session !== body.session.id) forgetToken();
}

/** Whether the same person has signed in again. */
export const isSignedInAgain = () => asked().then(() => true, () => false);

/** Tries twice before it believes that the session is over. */
async function orSignedOut(attempt) {
  for (const isLast of [false, true]) {
    try {
      return await attempt();
    } catch (error) {
      if (error.status !== 401) throw error;
      if (isLast) return end(error);
      await pause(LOOK_AGAIN_AFTER);
    }
  }
}

function end(error) {
  clearTimeout(timer);
  const detail = error.code ? undefined : error.message;
  if (!isOver) session.dispatchEvent(new CustomEvent("signedout", { detail }));
  isOver = true;
  throw new SignedOut(error.message);
}

/** A request with the access token. A token that is refused is renewed once. */
export async function request(method, path, options = {}) {
  if (isOver) throw new SignedOut("The session is over");
  const attempt = async () => {
    const text = token && token.until > Date.now() ? token.text : await renew();
    return sent(method, path, { ...options, headers: { ...options.headers, authorization: `Bearer ${text}` } });
  };
  try {
    return await attempt();
  } catch (error) {
    if (error.status !== 401) throw error;
    forgetToken();
    return orSignedOut(attempt);
  }
}
