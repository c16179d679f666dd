// The tasks as the server has them, and as they will be once it has heard of what was done here.
//
// What is done shows at once. It waits in a queue and is sent one by one, again and again with the same key until somebody
// answers, so that nothing is lost or done twice. What was answered shows until the list has been read again since: then
// the list holds it. What was refused is gone again.
import { Refused, request, SignedOut, Unreachable } from "./api.js";

const PAGE = 100;
const MOST_AT_ONCE = 1_000;
const SOONEST = 400;
const LATEST = 8_000;

export class Store extends EventTarget {
  #base;
  #queue = [];
  #answered = [];
  #isSending = false;
  #reading;
  #next;
  #wake = () => {};
  #made = new Map();

  constructor(user) {
    super();
    this.#base = `/api/${user}/tasks`;
    this.query = new URLSearchParams({ sort: "position" });
    this.shown = PAGE;
    this.server = { tasks: [], total: 0, counts: { open: 0, completed: 0 }, version: 0 };
    this.isRead = false;
    for (const event of ["online", "focus"]) addEventListener(event, () => this.#wake());
  }

  /** The tasks with everything that was done here. */
  get tasks() {
    const steps = [...this.#answered, ...this.#queue];
    return steps.reduce((tasks, step) => step.apply(tasks), this.server.tasks);
  }

  /** How many changes no server has heard of yet. */
  get waiting() {
    return this.#queue.length;
  }

  get hasMore() {
    return this.server.total > this.server.tasks.length;
  }

  /** A task that was made here gets its real id from the server. */
  idOf(id) {
    return this.#made.get(id) ?? id;
  }

  find(id) {
    return this.tasks.find((task) => this.#is(task, id));
  }

  /** Shows other tasks. */
  ask(query) {
    this.query = query;
    this.shown = PAGE;
    return this.read();
  }

  more() {
    this.shown += PAGE;
    return this.read();
  }

  /** Reads the list: a reading that begins from now on, however many ask for it. */
  read() {
    this.#next ??= Promise.resolve(this.#reading).catch(() => {}).then(() => {
      this.#next = undefined;
      this.#reading = this.#readNow();
      return this.#reading;
    });
    return this.#next;
  }

  async #readNow() {
    const [query, heard] = [this.query, [...this.#answered]];
    let answer, tasks = [];
    do {
      const page = new URLSearchParams(query);
      page.set("limit", Math.min(this.shown - tasks.length, MOST_AT_ONCE));
      if (answer) page.set("cursor", answer.nextCursor);
      answer = (await request("GET", `${this.#base}?${page}`)).body;
      tasks = tasks.concat(answer.tasks);
    } while (answer.nextCursor && tasks.length < this.shown);
    if (query !== this.query) return;
    this.server = { ...answer, tasks };
    this.isRead = true;
    this.#answered = this.#answered.filter((step) => !heard.includes(step));
    this.#tell();
  }

  /** Asks for something about the tasks that does not change them. */
  get(path) {
    return request("GET", `${this.#base}${path}`).then(({ body }) => body);
  }

  add(fields) {
    const id = `new-${crypto.randomUUID?.() ?? Math.random()}`;
    const task = { id, description: null, completed: false, priority: "none", due: null, tags: [], ...fields };
    let made = task;
    const apply = (tasks) => (tasks.some(({ id }) => id === made.id) ? tasks : [...tasks, made]);
    const answer = (body) => {
      this.#made.set(id, body.id);
      made = body;
    };
    return this.#do({ method: "POST", path: () => "", body: fields, apply, answer });
  }

  change(id, fields) {
    const apply = (tasks) => tasks.map((task) => (this.#is(task, id) ? { ...task, ...fields } : task));
    return this.#do({ method: "PATCH", path: () => this.#path(id), body: fields, apply });
  }

  remove(id) {
    const apply = (tasks) => tasks.filter((task) => !this.#is(task, id));
    return this.#do({ method: "DELETE", path: () => this.#path(id), apply });
  }

  /** Puts a task right before or after another one: `place` is `{ before }` or `{ after }`. */
  move(id, place) {
    const [side, other] = Object.entries(place)[0];
    const apply = (tasks) => {
      const task = tasks.find((task) => this.#is(task, id));
      const rest = tasks.filter((other) => other !== task);
      const at = rest.findIndex((task) => this.#is(task, other));
      return task && at >= 0 ? rest.toSpliced(at + (side === "after" ? 1 : 0), 0, task) : tasks;
    };
    const body = () => ({ [side]: this.idOf(other) });
    return this.#do({ method: "POST", path: () => `${this.#path(id)}/move`, body, apply });
  }

  /** Brings a task back, or makes it what it was in a version. */
  restore(id, version) {
    return this.#do({ method: "POST", path: () => `${this.#path(id)}/restore`, body: version ? { version } : {} });
  }

  /** Takes the last change back (`undo`) or does it again (`redo`); only if the list is still at a version, if one is given. */
  takeBack(deed, version) {
    const headers = version ? { "if-match": `"${version}"` } : {};
    return this.#do({ method: "POST", path: () => `/${deed}`, headers });
  }

  #path(id) {
    return `/${this.idOf(id)}`;
  }

  #is(task, id) {
    return task.id === id || task.id === this.idOf(id);
  }

  #do(step) {
    const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    const done = new Promise((resolve, reject) => {
      this.#queue.push({ apply: (tasks) => tasks, headers: {}, ...step, key, resolve, reject });
    });
    this.#tell();
    this.#send();
    return done;
  }

  async #send() {
    if (this.#isSending) return;
    this.#isSending = true;
    let wait = SOONEST;
    while (this.#queue.length > 0) {
      const step = this.#queue[0];
      try {
        const { body } = await this.#sent(step);
        step.answer?.(body);
        this.#answered.push(step);
        this.#queue.shift();
        step.resolve(body);
        wait = SOONEST;
        this.read().catch(() => {});
      } catch (error) {
        if (error instanceof Unreachable || error.isTemporary) {
          this.#tellAway(true);
          await this.#pause(wait);
          wait = Math.min(wait * 2, LATEST);
          continue;
        }
        this.#queue.shift();
        step.reject(error);
        if (error instanceof SignedOut) break;
        if (error instanceof Refused) this.read().catch(() => {});
      }
      this.#tellAway(false);
    }
    this.#isSending = false;
    this.#tell();
  }

  #sent({ method, path, body, headers, key }) {
    const options = { body: typeof body === "function" ? body() : body };
    return request(method, this.#base + path(), { ...options, headers: { ...headers, "idempotency-key": key } });
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, milliseconds);
    });
  }

  #tellAway(isAway) {
    this.dispatchEvent(new CustomEvent("away", { detail: isAway }));
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
