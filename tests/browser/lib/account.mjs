// Having an account: signing up and in, as people do it at the pages and as programs do it.

import assert from "node:assert/strict";

export const PASSWORD = "correct horse battery staple";

export const ADA = { name: "Ada Lovelace", email: "ada@example.com", password: PASSWORD };
export const GRACE = { name: "Grace Hopper", email: "grace@example.com", password: PASSWORD };

/** What browsers elsewhere call themselves. */
export const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1";
export const ANDROID = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";

/** Fills in the form of `/signup` and sends it. */
export async function signUp(page, { name, email, password }) {
  await page.getByLabel("Name").fill(name);
  await signWith(page, "Sign up", { email, password });
}

/** Fills in the form of `/login` and sends it. */
export const signIn = (page, { email, password }) => signWith(page, "Sign in", { email, password });

async function signWith(page, button, { email, password }) {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: button }).click();
}

/** Signs somebody up without a page. Their browser has the cookie; what programs need is returned. */
export const signedUp = (somebody, who) => entered(somebody, "signup", who);

/** Signs somebody in likewise. */
export const signedIn = (somebody, { email, password }) => entered(somebody, "signin", { email, password });

async function entered(somebody, how, data) {
  const answer = await somebody.context.request.post(`/api/auth/${how}`, { data });
  assert.ok(answer.ok(), await answer.text());
  const { user, session, token } = await answer.json();
  return new Account(somebody.context.request, user.id, session.id, token);
}

/** What somebody has, as programs see it. */
class Account {
  #request;
  #headers;

  constructor(request, id, session, token) {
    this.#request = request;
    this.#headers = { authorization: `Bearer ${token}` };
    this.id = id;
    this.session = session;
    /** Where their list is. */
    this.tasks = `/tasks/${id}`;
  }

  /** What the API answers; it must not refuse. */
  async ask(method, path, data) {
    const answer = await this.#request.fetch(path, { method, data, headers: this.#headers });
    assert.ok(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`);
    return answer.status() === 204 ? undefined : answer.json();
  }

  /** Adds tasks, one after the other: titles, or all that is known of them. */
  async add(...tasks) {
    const added = [];
    for (const task of tasks) {
      const fields = typeof task === "string" ? { title: task } : task;
      added.push(await this.ask("POST", `/api/${this.id}/tasks`, fields));
    }
    return added;
  }

  change(task, fields) {
    return this.ask("PATCH", `/api/${this.id}/tasks/${task.id}`, fields);
  }

  remove(task) {
    return this.ask("DELETE", `/api/${this.id}/tasks/${task.id}`);
  }

  /** The titles of the list as the server has it. */
  async titles() {
    const { tasks } = await this.ask("GET", `/api/${this.id}/tasks?sort=position&limit=1000`);
    return tasks.map(({ title }) => title);
  }
}
