// A task list: everything its owner can do, and everything anybody else and wrong input are refused.

import assert from "node:assert/strict";

import { equal, failed, isTime, succeeded, tokenRefused, unauthenticated } from "./answers.js";
import { type Api, type Schemas, client } from "./client.js";

type Task = Schemas["Task"];

const NO_SUCH_TASK = { code: "TASK_NOT_FOUND", message: "There is no such task" };

/** A list with its owner's client. */
export class TaskList {
  readonly #api: Api;
  readonly #path: { user_id: string };

  constructor(url: string, accessToken: string, userId: string) {
    this.#api = client(url, { bearer: accessToken });
    this.#path = { user_id: userId };
  }

  add(body: Schemas["TaskRequest"]) {
    return this.#api.POST("/api/{user_id}/tasks", { params: { path: this.#path }, body });
  }

  /** Adds a task, and demands that it is what was asked for and says where it is found. */
  async create(body: Schemas["TaskRequest"]): Promise<Task> {
    const answer = await this.add(body);
    const task = succeeded(answer, 201);
    const { id, createdAt } = task;
    const { title, description = null, completed = false } = body;
    const given = { title: title.trim(), description, completed };
    equal(task, { id, userId: this.#path.user_id, ...given, createdAt, updatedAt: createdAt });
    isTime(createdAt);
    assert.equal(answer.response.headers.get("Location"), `/api/${this.#path.user_id}/tasks/${id}`);
    return task;
  }

  list(query: { limit?: number; cursor?: string; completed?: boolean; q?: string } = {}) {
    return this.#api.GET("/api/{user_id}/tasks", { params: { path: this.#path, query } });
  }

  get(task_id: string) {
    return this.#api.GET("/api/{user_id}/tasks/{task_id}", this.#task(task_id));
  }

  replace(task_id: string, body: Schemas["TaskRequest"]) {
    return this.#api.PUT("/api/{user_id}/tasks/{task_id}", { ...this.#task(task_id), body });
  }

  change(task_id: string, body: Schemas["TaskPatch"]) {
    return this.#api.PATCH("/api/{user_id}/tasks/{task_id}", { ...this.#task(task_id), body });
  }

  delete(task_id: string) {
    return this.#api.DELETE("/api/{user_id}/tasks/{task_id}", this.#task(task_id));
  }

  #task(task_id: string) {
    return { params: { path: { ...this.#path, task_id } } };
  }
}

export async function keepsTasks(list: TaskList): Promise<void> {
  equal(succeeded(await list.list(), 200), { tasks: [], nextCursor: null, total: 0 });
  const milk = await list.create({ title: "  Buy milk " });
  const bread = await list.create({ title: "Bake bread", description: "Rye, not MILK", completed: true });
  const tea = await list.create({ title: "Uvařit čaj 🍵", description: "", completed: false });
  for (const task of [milk, bread, tea]) equal(succeeded(await list.get(task.id), 200), task);
  await pagesAndFilters(list, milk, bread, tea);
  await changes(list, milk);
  await deletes(list, bread);
  const left = succeeded(await list.list(), 200).tasks.map(({ id }) => id);
  equal(left, [milk.id, tea.id]);
}

async function pagesAndFilters(list: TaskList, milk: Task, bread: Task, tea: Task): Promise<void> {
  const first = succeeded(await list.list({ limit: 2 }), 200);
  equal(first, { tasks: [milk, bread], nextCursor: first.nextCursor, total: 3 });
  assert.ok(first.nextCursor !== null, "there is a second page");
  const second = succeeded(await list.list({ limit: 2, cursor: first.nextCursor }), 200);
  equal(second, { tasks: [tea], nextCursor: null, total: 3 });
  const page = (...tasks: Task[]) => ({ tasks, nextCursor: null, total: tasks.length });
  equal(succeeded(await list.list({ completed: true }), 200), page(bread));
  equal(succeeded(await list.list({ completed: false }), 200), page(milk, tea));
  equal(succeeded(await list.list({ q: "mILk" }), 200), page(milk, bread));
  equal(succeeded(await list.list({ q: "milk", completed: true, limit: 1 }), 200), page(bread));
}

async function changes(list: TaskList, milk: Task): Promise<void> {
  const { id, userId, createdAt } = milk;
  const same = { id, userId, createdAt };
  const replaced = succeeded(await list.replace(id, { title: "Buy oat milk", description: "Two litres" }), 200);
  const oat = { title: "Buy oat milk", description: "Two litres", completed: false };
  equal(replaced, { ...same, ...oat, updatedAt: replaced.updatedAt });
  const done = succeeded(await list.change(id, { completed: true }), 200);
  equal(done, { ...replaced, completed: true, updatedAt: done.updatedAt });
  const cleared = succeeded(await list.change(id, { description: null }), 200);
  equal(cleared, { ...done, description: null, updatedAt: cleared.updatedAt });
  const reset = succeeded(await list.replace(id, { title: "Buy milk" }), 200);
  equal(reset, { ...milk, updatedAt: reset.updatedAt });
  const times = [createdAt, replaced.updatedAt, done.updatedAt, cleared.updatedAt, reset.updatedAt];
  equal(times, [...times].sort());
  equal(succeeded(await list.get(id), 200), reset);
}

async function deletes(list: TaskList, { id }: Task): Promise<void> {
  const deleted = await list.delete(id);
  assert.deepEqual([deleted.response.status, deleted.data, deleted.error], [204, undefined, undefined]);
  failed(await list.delete(id), 404, NO_SUCH_TASK);
  failed(await list.get(id), 404, NO_SUCH_TASK);
  failed(await list.change(id, { completed: true }), 404, NO_SUCH_TASK);
  failed(await list.replace("no-identifier", { title: "Buy milk" }), 404, NO_SUCH_TASK);
}

/** Wrong input is named field by field, and most of it does not even compile. */
export async function refusesWrongInput(list: TaskList): Promise<void> {
  const refuses = (answer: Parameters<typeof failed>[0], ...details: Schemas["FieldProblem"][]) => {
    const message = details.map((detail) => `${detail.field} ${detail.message}`).join("; ");
    failed(answer, 400, { code: "INVALID_INPUT", message, details });
  };
  const long = { title: "é".repeat(201), description: "é".repeat(2001) };
  const path = "0190b3a4-0000-7000-8000-000000000000";
  refuses(
    await list.replace(path, long),
    { field: "title", code: "TITLE_TOO_LONG", message: "must have at most 200 characters" },
    { field: "description", code: "DESCRIPTION_TOO_LONG", message: "must have at most 2000 characters" },
  );
  refuses(await list.change(path, { title: " " }), {
    field: "title",
    code: "TITLE_EMPTY",
    message: "must not be empty",
  });
  // @ts-expect-error the types know that a title is text
  const number = await list.change(path, { title: 5 });
  const wrongType = "invalid type: integer `5`, expected a string";
  refuses(number, { field: "title", code: "TITLE_WRONG_TYPE", message: wrongType });
  // @ts-expect-error the types know which fields there are
  const unknown = await list.change(path, { colour: "red" });
  const expected = "is not known, expected one of `title`, `description`, `completed`";
  refuses(unknown, { field: "colour", code: "COLOUR_UNKNOWN", message: expected });
  const large = { field: "limit", code: "LIMIT_TOO_LARGE", message: "must be at most 1000" };
  refuses(await list.list({ limit: 1001 }), large);
  const cursor = await list.list({ cursor: "tomorrow" });
  refuses(cursor, { field: "cursor", code: "CURSOR_INVALID", message: "must be the nextCursor of a page" });
}

/** Nobody else gets past the door, whatever they ask for and whether it exists or not. */
export async function refusesOthers(url: string, owner: string, strangersToken: string): Promise<void> {
  const stranger = new TaskList(url, strangersToken, owner);
  for (const answer of await everything(stranger)) {
    failed(answer, 403, { code: "NOT_YOURS", message: "This belongs to another user" });
  }
  for (const answer of await everything(new TaskList(url, "not.a.token", owner))) {
    tokenRefused(answer, "MALFORMED_TOKEN", "the access token is malformed");
  }
  const params = { path: { user_id: owner } };
  const message = "Sign in first: this needs an access token or a session";
  unauthenticated(await client(url).GET("/api/{user_id}/tasks", { params }), { code: "UNAUTHORIZED", message });
}

function everything(list: TaskList) {
  const nobodys = "no-identifier";
  return Promise.all([
    list.list({ limit: 1 }),
    list.add({ title: "" }),
    list.get(nobodys),
    list.replace(nobodys, { title: "" }),
    list.change(nobodys, { title: "" }),
    list.delete(nobodys),
  ]);
}
