// Client of the API. The access token is held in memory only, and renewed before it expires.

/** Messages for error codes whose API text is not meant for users. */
const IN_WORDS = {
  TASK_NOT_FOUND: "This task was deleted somewhere else",
  VERSION_MISMATCH: "It has changed since; nothing was done",
};

/** Error response of the server. */
export class Refused extends Error {
  constructor(status, body, retryAfter) {
    super(IN_WORDS[body.code] ?? body.message ?? `The server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.details = body.details ?? [];
    /** Current state, if a condition (`if-match`) failed. */
    this.current = body.current;
    this.retryAfter = retryAfter * 1000 || 0;
  }

  /** True if a retry may succeed soon. A proxy has its own error bodies, so its status counts. */
  get willPass() {
    return [429, 502, 503, 504].includes(this.status) || this.code === "IDEMPOTENCY_KEY_IN_USE";
  }
}

/** No response: no network, or no server. */
export class Unreachable extends Error {
  willPass = true;
  retryAfter = 0;
}

/** The session has ended: no further request will succeed. */
export class SignedOut extends Error {}

/** Number of a version; versions of one history compare by it. */
export const numberOf = (version) => Number.parseInt(version, 10);

/** Events: `call` for every request, `answers` once the server can be reached again, and `signedout` once. */
export const session = new EventTarget();

const ANSWER_WITHIN = 20_000;
/** Share of a token's lifetime before its expiry in which it is no longer used. */
const MARGIN = 0.2;
/** Delay before a second check: a password change in another tab ends the session a moment before it replaces the cookie. */
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

/** A request without an access token: anonymous, or with the session cookie. */
export const open = sent;

/** Waits, at most until the server can be reached again. */
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

/** Session of this page, once it has fetched a token. */
export const ownSession = () => token?.session;

/** Discards the access token, which must not be used any more. */
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
  // A hidden page does not renew its token, so that its session can become idle.
  timer = setTimeout(() => document.hidden || renew().catch(() => {}), lasts);
  return token.text;
}

const renew = () => (renewing ??= orSignedOut(renewed).finally(() => (renewing = undefined)));

/** Rejects the cookie of another user, who has signed in in another tab. */
function requireUser(id) {
  if (id !== user) throw new Refused(401, { message: "Another user has signed in here." });
}

let checking;

/** Checks that the session is still valid; announces its end if it is not. */
export const checkSession = () => (checking ??= orSignedOut(asked).finally(() => (checking = undefined)));

async function asked() {
  const { body } = await sent("GET", "/api/auth/session");
  requireUser(body.user.id);
  // A changed password comes with a new session.
  if (token?.session !== body.session.id) forgetToken();
}

/** Resolves to true if the same user has signed in again. */
export const isSignedInAgain = () => asked().then(() => true, () => false);

/** Tries twice before it takes the session as ended. */
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

/** Sends a request with the access token. A rejected token is renewed once. */
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
