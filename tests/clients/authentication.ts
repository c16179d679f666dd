// Sign up, sign in, the session with each of its credentials, fresh tokens, sign out; the profile and the password.

import assert from "node:assert/strict";

import { decodeJwt } from "jose";

import { equal, failed, isTime, succeeded, tokenRefused, unauthenticated } from "./answers.js";
import { type Schemas, USER_AGENT, client } from "./client.js";

const PASSWORD = "correct horse battery staple";
const NEW_PASSWORD = "a longer and better password";
const NAME = "Ada Lovelace";

/** Somebody who signed up or in, with what they got. */
export interface Person {
  body: Schemas["SignedInBody"];
  cookie: string;
}

export async function signsUp(url: string, email: string): Promise<Person> {
  const answer = await client(url).POST("/api/auth/signup", {
    body: { email: email.toUpperCase(), password: PASSWORD, name: ` ${NAME} ` },
  });
  const person = { body: succeeded(answer, 201), cookie: keptCookie(answer.response) };
  isSignedIn(person, email);
  return person;
}

export async function isRefusedToSignUp(url: string, taken: string): Promise<void> {
  const anyone = client(url);
  const again = { email: taken, password: PASSWORD, name: NAME };
  failed(await anyone.POST("/api/auth/signup", { body: again }), 409, {
    code: "EMAIL_TAKEN",
    message: "An account with this email address exists already",
    details: [{ field: "email", code: "EMAIL_TAKEN", message: "belongs to an account already: sign in instead" }],
  });
  const details = [
    { field: "email", code: "EMAIL_INVALID", message: "must be an email address such as ada@example.com" },
    { field: "password", code: "PASSWORD_TOO_SHORT", message: "must have at least 8 characters" },
    { field: "name", code: "NAME_EMPTY", message: "must not be empty" },
  ];
  failed(await anyone.POST("/api/auth/signup", { body: { email: "ada", password: "short", name: " " } }), 400, {
    code: "INVALID_INPUT",
    message: details.map(({ field, message }) => `${field} ${message}`).join("; "),
    details,
  });
}

/** Each credential of a session opens it; no credential opens none. */
export async function seesTheSession(url: string, { body, cookie }: Person): Promise<void> {
  const { token: _, ...session } = body.session;
  for (const credentials of [{ bearer: body.token }, { bearer: body.session.token }, { cookie }]) {
    const answer = await client(url, credentials).GET("/api/auth/session");
    equal(succeeded(answer, 200), { user: body.user, session });
  }
  unauthenticated(await client(url).GET("/api/auth/session"), {
    code: "UNAUTHORIZED",
    message: "Sign in first: this needs an access token or a session",
  });
}

/** The session token and the cookie give fresh access tokens, an access token does not. */
export async function getsAFreshToken(url: string, { body, cookie }: Person): Promise<void> {
  for (const credentials of [{ bearer: body.session.token }, { cookie }]) {
    const fresh = succeeded(await client(url, credentials).GET("/api/auth/token"), 200);
    equal(fresh, { token: fresh.token, tokenType: "Bearer", expiresIn: body.expiresIn });
    assert.notEqual(fresh.token, body.token, "a fresh token is another one");
    isAccessToken(fresh.token, body);
  }
  const reason = "this needs the session token or its cookie, which an access token does not stand for";
  tokenRefused(await client(url, { bearer: body.token }).GET("/api/auth/token"), "SESSION_REQUIRED", reason);
}

export async function signsIn(url: string, email: string, before: Person): Promise<Person> {
  const answer = await client(url).POST("/api/auth/signin", { body: { email, password: PASSWORD } });
  const person = { body: succeeded(answer, 200), cookie: keptCookie(answer.response) };
  isSignedIn(person, email);
  equal(person.body.user, before.body.user);
  assert.notEqual(person.body.session.id, before.body.session.id, "every sign in begins a session");
  return person;
}

/** A wrong password and an unknown address are told apart by nothing. */
export async function isRefusedToSignIn(url: string, email: string): Promise<void> {
  for (const body of [{ email, password: "wrong password" }, { email: `no-${email}`, password: PASSWORD }]) {
    const refusal = { code: "INVALID_EMAIL_OR_PASSWORD", message: "Invalid email or password" };
    unauthenticated(await client(url).POST("/api/auth/signin", { body }), refusal);
  }
}

/** The answer and the session show the new name, and the next access token carries it. */
export async function changesTheName(url: string, { body, cookie }: Person): Promise<Person> {
  const name = "Ada King";
  const holder = client(url, { cookie });
  const user = succeeded(await holder.PATCH("/api/auth/profile", { body: { name: ` ${name}` } }), 200);
  equal(user, { ...body.user, name, updatedAt: user.updatedAt });
  isTime(user.updatedAt);
  equal(succeeded(await holder.PATCH("/api/auth/profile", { body: {} }), 200), user);
  const renamed = { body: { ...body, user }, cookie };
  await seesTheSession(url, renamed);
  const fresh = succeeded(await holder.GET("/api/auth/token"), 200);
  assert.equal(decodeJwt<{ name: string }>(fresh.token).name, name);
  const details = [{ field: "name", code: "NAME_EMPTY", message: "must not be empty" }];
  const message = "name must not be empty";
  failed(await holder.PATCH("/api/auth/profile", { body: { name: " " } }), 400, { code: "INVALID_INPUT", message, details });
  return renamed;
}

/** A new password ends every session, and begins one for whoever knew the old one. */
export async function changesThePassword(url: string, email: string, before: Person): Promise<void> {
  const holder = client(url, { cookie: before.cookie });
  const wrong = { currentPassword: NEW_PASSWORD, newPassword: "short" };
  const details = [
    { field: "currentPassword", code: "CURRENT_PASSWORD_INVALID", message: "is not right" },
    { field: "newPassword", code: "NEW_PASSWORD_TOO_SHORT", message: "must have at least 8 characters" },
  ];
  failed(await holder.POST("/api/auth/password", { body: wrong }), 400, {
    code: "INVALID_INPUT",
    message: details.map(({ field, message }) => `${field} ${message}`).join("; "),
    details,
  });
  const body = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
  const answer = await holder.POST("/api/auth/password", { body });
  const after = { body: succeeded(answer, 200), cookie: keptCookie(answer.response) };
  isSignedIn(after, email, before.body.user.name);
  equal(after.body.user, before.body.user);
  await isEnded(url, before);
  await seesTheSession(url, after);
  const refusal = { code: "INVALID_EMAIL_OR_PASSWORD", message: "Invalid email or password" };
  const anyone = client(url);
  unauthenticated(await anyone.POST("/api/auth/signin", { body: { email, password: PASSWORD } }), refusal);
  succeeded(await anyone.POST("/api/auth/signin", { body: { email, password: NEW_PASSWORD } }), 200);
}

/** Signing out ends the cookie, the session token and the access token at once, and may be repeated. */
export async function signsOut(url: string, person: Person): Promise<void> {
  const { body, cookie } = person;
  for (const credentials of [{ bearer: body.session.token }, { bearer: body.session.token }, { cookie }, {}]) {
    const answer = await client(url, credentials).POST("/api/auth/signout");
    equal(succeeded(answer, 200), { success: true });
    const cleared = "better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax";
    equal(answer.response.headers.getSetCookie(), [cleared]);
  }
  await isEnded(url, person);
}

/** Whatever stands for the session is refused. */
async function isEnded(url: string, { body, cookie }: Person): Promise<void> {
  const ended = (answer: Parameters<typeof tokenRefused>[0]) =>
    tokenRefused(answer, "SESSION_ENDED", "the session has ended");
  for (const credentials of [{ bearer: body.token }, { bearer: body.session.token }, { cookie }]) {
    ended(await client(url, credentials).GET("/api/auth/session"));
  }
  const params = { path: { user_id: body.user.id } };
  ended(await client(url, { bearer: body.token }).GET("/api/{user_id}/tasks", { params }));
}

function isSignedIn({ body, cookie }: Person, email: string, name = NAME): void {
  const { user, session, token, expiresIn } = body;
  const { createdAt, updatedAt } = user;
  const begun = { createdAt: session.createdAt, updatedAt: session.createdAt, expiresAt: session.expiresAt };
  equal(body, {
    user: { id: user.id, email, emailVerified: false, name, createdAt, updatedAt },
    session: { id: session.id, userId: user.id, token: session.token, ...begun, userAgent: USER_AGENT },
    token,
    tokenType: "Bearer",
    expiresIn,
  });
  [createdAt, updatedAt, session.createdAt, session.expiresAt].forEach(isTime);
  assert.ok(session.expiresAt > session.createdAt, "a session ends after it began");
  assert.equal(cookie, `better-auth.session_token=${session.token}`);
  isAccessToken(token, body);
}

/** Read, not verified: that is what the verifiers of other ecosystems do. */
function isAccessToken(token: string, { user, session, expiresIn }: Schemas["SignedInBody"]): void {
  const { sub, sid, iat = 0, exp } = decodeJwt<{ sid: string }>(token);
  assert.deepEqual({ sub, sid, exp }, { sub: user.id, sid: session.id, exp: iat + expiresIn });
}

function keptCookie(response: Response): string {
  const [cookie = "", maxAge = "", ...attributes] = response.headers.getSetCookie().join().split("; ");
  assert.match(maxAge, /^Max-Age=\d+$/);
  equal(attributes, ["Path=/", "HttpOnly", "SameSite=Lax"]);
  return cookie;
}
