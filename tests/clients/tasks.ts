// A task list: everything its owner can do, and everything anybody else and wrong input are refused.

import assert from "node:assert/strict";

import { equal, failed, isTime, succeeded, tokenRefused, unauthenticated } from "./answers.js";
import { type Api, type Schemas, client } from "./client.js";

type Task = Schemas["Task"];
type Query = { limit?: number; cursor?: string; completed?: boolean; q?: string; sort?: "position" | "due"; tag?: string[] };

/** The version of a list after so many changes, on the server of the tests. */
const v = (number: number) => (number === 0 ? "0" : `${number}.Zk3x_9Qa`);

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
    const { id, createdAt, position, version } = task;
    const { title, description = null, completed = false, priority = "none", due = null, tags = [] } = body;
    const given = { title: title.trim(), description, completed, priority, due, tags };
    const made = { id, userId: this.#path.user_id, createdAt, updatedAt: createdAt, position, version };
    equal(task, { ...made, ...given, completedAt: completed ? createdAt : null });
    isTime(createdAt);
    assert.equal(answer.response.headers.get("ETag"), `"${version}"`);
    assert.equal(answer.response.headers.get("Location"), `/api/${this.#path.user_id}/tasks/${id}`);
    return task;
  }

  list(query: Query = {}) {
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

  /** Changes a task if nobody else has since it had this version. */
  changeIf(task_id: string, version: string, body: Schemas["TaskPatch"]) {
    const header = { "If-Match": `"${version}"` };
    const params = { path: { ...this.#path, task_id }, header };
    return this.#api.PATCH("/api/{user_id}/tasks/{task_id}", { params, body });
  }

  /** Puts a task right before another one, once for every key. */
  moveBefore(task_id: string, before: string, key: string) {
    const header = { "Idempotency-Key": key };
    const params = { path: { ...this.#path, task_id }, header };
    return this.#api.POST("/api/{user_id}/tasks/{task_id}/move", { params, body: { before } });
  }

  batch(commands: Schemas["BatchRequest"]["commands"]) {
    return this.#api.POST("/api/{user_id}/tasks/batch", { params: { path: this.#path }, body: { commands } });
  }

  undo() {
    return this.#api.POST("/api/{user_id}/tasks/undo", { params: { path: this.#path } });
  }

  history(task_id: string) {
    return this.#api.GET("/api/{user_id}/tasks/{task_id}/history", this.#task(task_id));
  }

  delete(task_id: string) {
    return this.#api.DELETE("/api/{user_id}/tasks/{task_id}", this.#task(task_id));
  }

  #task(task_id: string) {
    return { params: { path: { ...this.#path, task_id } } };
  }
}

export async function keepsTasks(list: TaskList): Promise<void> {
  const none = { tasks: [], nextCursor: null, total: 0, counts: { open: 0, completed: 0 }, version: v(0) };
  equal(succeeded(await list.list(), 200), none);
  const milk = await list.create({ title: "  Buy milk " });
  const bread = await list.create({ title: "Bake bread", description: "Rye, not MILK", completed: true });
  const tea = await list.create({ title: "Uvařit čaj 🍵", description: "", completed: false });
  for (const task of [milk, bread, tea]) equal(succeeded(await list.get(task.id), 200), task);
  await pagesAndFilters(list, milk, bread, tea);
  await changes(list, milk);
  await ordersAndTakesBack(list, tea, milk);
  await deletes(list, bread);
  const left = succeeded(await list.list(), 200).tasks.map(({ id }) => id);
  equal(left, [milk.id, tea.id]);
}

async function pagesAndFilters(list: TaskList, milk: Task, bread: Task, tea: Task): Promise<void> {
  const first = succeeded(await list.list({ limit: 2 }), 200);
  const counts = { open: 2, completed: 1 };
  equal(first, { tasks: [milk, bread], nextCursor: first.nextCursor, total: 3, counts, version: v(3) });
  assert.ok(first.nextCursor !== null, "there is a second page");
  const second = succeeded(await list.list({ limit: 2, cursor: first.nextCursor }), 200);
  equal(second, { tasks: [tea], nextCursor: null, total: 3, counts, version: v(3) });
  const finds = async (query: Query, counts: Schemas["TaskCounts"], ...tasks: Task[]) =>
    equal(succeeded(await list.list(query), 200), { tasks, nextCursor: null, total: tasks.length, counts, version: v(3) });
  await finds({ completed: true }, counts, bread);
  await finds({ completed: false }, counts, milk, tea);
  await finds({ q: "mILk" }, { open: 1, completed: 1 }, milk, bread);
  await finds({ q: "UVARIT" }, { open: 1, completed: 0 }, tea);
  await finds({ q: "milk", completed: true, limit: 1 }, { open: 1, completed: 1 }, bread);
  await finds({ tag: ["nobody's"] }, { open: 0, completed: 0 });
}

async function changes(list: TaskList, milk: Task): Promise<void> {
  const { id, createdAt } = milk;
  const replaced = succeeded(await list.replace(id, { title: "Buy oat milk", description: "Two litres" }), 200);
  const oat = { title: "Buy oat milk", description: "Two litres", completed: false };
  equal(replaced, { ...milk, ...oat, updatedAt: replaced.updatedAt, version: v(4) });
  const done = succeeded(await list.change(id, { completed: true }), 200);
  const { updatedAt } = done;
  equal(done, { ...replaced, completed: true, completedAt: updatedAt, updatedAt, version: v(5) });
  const cleared = succeeded(await list.change(id, { description: null }), 200);
  equal(cleared, { ...done, description: null, updatedAt: cleared.updatedAt, version: v(6) });
  const reset = succeeded(await list.replace(id, { title: "Buy milk" }), 200);
  equal(reset, { ...milk, updatedAt: reset.updatedAt, version: v(7) });
  const times = [createdAt, replaced.updatedAt, done.updatedAt, cleared.updatedAt, reset.updatedAt];
  equal(times, [...times].sort());
  equal(succeeded(await list.get(id), 200), reset);
}

/** The manual order, changes on a condition, several at once, and the way back. */
async function ordersAndTakesBack(list: TaskList, tea: Task, milk: Task): Promise<void> {
  const moved = succeeded(await list.moveBefore(tea.id, milk.id, "move-tea"), 200);
  equal(succeeded(await list.moveBefore(tea.id, milk.id, "move-tea"), 200), moved);
  const order = succeeded(await list.list({ sort: "position", limit: 2 }), 200).tasks.map(({ id }) => id);
  equal(order, [tea.id, milk.id]);
  const refused = await list.changeIf(tea.id, tea.version, { title: "Coffee" });
  const message = "This has changed since you read it; nothing was changed";
  failed(refused, 412, { code: "VERSION_MISMATCH", message, current: moved });
  const change = { op: "change", id: tea.id, ifVersion: moved.version, changes: { priority: "high" } } as const;
  const batch = succeeded(await list.batch([change, { op: "delete", id: milk.id }]), 200);
  equal(batch.results.map(({ id, task }) => [id, task?.priority]), [[tea.id, "high"], [milk.id, undefined]]);
  const undone = succeeded(await list.undo(), 200);
  equal(undone.changes.map(({ taskId, type, deed }) => [taskId, type, deed]), [
    [milk.id, "restored", "undo"],
    [tea.id, "changed", "undo"],
  ]);
  const history = succeeded(await list.history(tea.id), 200).changes;
  equal(history.map(({ version, type, before, after }) => ({ version, type, before, after })), [
    { version: v(12), type: "changed", before: { priority: "high" }, after: { priority: "none" } },
    { version: v(9), type: "changed", before: { priority: "none" }, after: { priority: "high" } },
    { version: v(8), type: "changed", before: { position: tea.position }, after: { position: moved.position } },
    { version: v(3), type: "created", before: undefined, after: history.at(-1)?.after },
  ]);
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
  const expected = "is not known, expected one of `title`, `description`, `completed`, `priority`, `due`, `tags`";
  refuses(unknown, { field: "colour", code: "MEMBER_UNKNOWN", message: expected });
  const large = { field: "limit", code: "LIMIT_TOO_LARGE", message: "must be at most 1000" };
  refuses(await list.list({ limit: 1001 }), large);
  const cursor = await list.list({ cursor: "tomorrow" });
  refuses(cursor, { field: "cursor", code: "CURSOR_INVALID", message: "must be the nextCursor of a page with the same sort" });
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
