// The tasks as the server has them, and as they will be once it has heard of what was done here.
//
// What is done shows at once. It waits in a queue and is sent one by one, again and again with the same key until somebody
// answers, so that nothing is lost or done twice; the queue outlives the page in its tab, also when the session is over.
// What was answered shows until the list has been read again since: then the list holds it. What was refused is gone again.
import { coalesced } from "./page.js";
import { pause, request, SignedOut } from "./api.js";

const PAGE = 100;
const MOST_AT_ONCE = 1_000;
const SOONEST = 400;
const LATEST = 8_000;

const freshKey = () => crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16))).join("-");

export class Store extends EventTarget {
  #name;
  #base;
  #queue = [];
  #answered = [];
  #isSending = false;
  #away = new Set();
  #made = new Map();
  /** The version of a task after a change of one's own, by the one before. */
  #next = new Map();

  constructor(user) {
    super();
    this.#name = `keyfold-waiting-${user}`;
    this.#base = `/api/${user}/tasks`;
    this.query = new URLSearchParams({ sort: "position" });
    this.shown = PAGE;
    this.server = { tasks: [], total: 0, counts: { open: 0, completed: 0 }, version: 0 };
    this.isRead = false;
  }

  /** The tasks with everything that was done here. */
  get tasks() {
    const steps = [...this.#answered, ...this.#queue];
    return steps.reduce((tasks, step) => step.apply(tasks), this.server.tasks);
  }

  /** How many are open and done, in the whole list. */
  get counts() {
    const [before, now] = [this.server.tasks, this.tasks];
    const completed = (tasks) => tasks.filter((task) => task.completed).length;
    const more = completed(now) - completed(before);
    const { counts } = this.server;
    return { open: counts.open + now.length - before.length - more, completed: counts.completed + more };
  }

  /** How many changes no server has heard of yet. */
  get waiting() {
    return this.#queue.length;
  }

  /** Whether the server does not answer for the moment. */
  get isAway() {
    return this.#away.size > 0;
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

  /** Reads the list, as soon as the server answers: a reading that begins from now on, however many ask for it. */
  read = coalesced(() => this.#persist("read", () => this.#readNow()));

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

  /** Tries until there is an answer. */
  async #persist(what, attempt) {
    for (let wait = SOONEST; ; wait = Math.min(wait * 2, LATEST)) {
      try {
        const answer = await attempt();
        this.#tellAway(what, false);
        return answer;
      } catch (error) {
        this.#tellAway(what, Boolean(error.willPass));
        if (!error.willPass) throw error;
        await pause(Math.max(wait, error.retryAfter));
      }
    }
  }

  /** Asks for something about the tasks that does not change them. */
  get(path) {
    return request("GET", `${this.#base}${path}`).then(({ body }) => body);
  }

  add(fields) {
    return this.#do("add", [`new-${freshKey()}`, fields]);
  }

  /** Changes a task; only if it is still at a version, if one is given: one's own changes since are no others. */
  change(id, fields, version) {
    return this.#do("change", [id, fields, version]);
  }

  remove(id) {
    return this.#do("remove", [id]);
  }

  /** Puts a task right `before` or `after` another one. */
  move(id, side, other) {
    return this.#do("move", [id, side, other]);
  }

  /** Brings a task back, or makes it what it was in a version. */
  restore(id, version) {
    return this.#do("restore", [id, version]);
  }

  /** Takes the last change back (`undo`) or does it again (`redo`); only if the list is still at a version, if one is given. */
  takeBack(deed, version) {
    return this.#do("takeBack", [deed, version]);
  }

  /** Goes on with what waited when the page was left; each change with what comes of it. */
  resume() {
    const kept = JSON.parse(sessionStorage.getItem(this.#name) ?? "[]");
    return kept.map(({ kind, args, key }) => this.#do(kind, args, key));
  }

  // How each kind of change is sent, and what it makes of the tasks.
  #how = {
    add: (id, fields) => {
      const there = new Set(this.server.tasks.map((task) => task.id));
      let made = { id, description: null, completed: false, priority: "none", due: null, tags: [], ...fields };
      // The server may have it before its answer is here: then the list has a new task of this name.
      const isIt = (task) => task.id === made.id || (!there.has(task.id) && task.title === made.title);
      return {
        method: "POST",
        path: () => "",
        body: () => fields,
        apply: (tasks) => (tasks.some(isIt) ? tasks : [...tasks, made]),
        answer: (body) => {
          this.#made.set(id, body.id);
          made = body;
        },
      };
    },
    change: (id, fields, version) => ({
      method: "PATCH",
      version,
      path: () => this.#path(id),
      body: () => fields,
      apply: (tasks) => tasks.map((task) => (this.#is(task, id) ? { ...task, ...fields } : task)),
      answer: (body) => version && this.#next.set(version, body.version),
    }),
    remove: (id) => ({
      method: "DELETE",
      path: () => this.#path(id),
      apply: (tasks) => tasks.filter((task) => !this.#is(task, id)),
    }),
    move: (id, side, other) => ({
      method: "POST",
      path: () => `${this.#path(id)}/move`,
      body: () => ({ [side]: this.idOf(other) }),
      apply: (tasks) => {
        const task = tasks.find((task) => this.#is(task, id));
        const rest = tasks.filter((other) => other !== task);
        const at = rest.findIndex((task) => this.#is(task, other));
        return task && at >= 0 ? rest.toSpliced(at + (side === "after" ? 1 : 0), 0, task) : tasks;
      },
    }),
    restore: (id, version) => ({
      method: "POST",
      path: () => `${this.#path(id)}/restore`,
      body: () => (version ? { version } : {}),
    }),
    takeBack: (deed, version) => ({
      method: "POST",
      path: () => `/${deed}`,
      headers: version ? { "if-match": `"${version}"` } : {},
    }),
  };

  #path(id) {
    return `/${this.idOf(id)}`;
  }

  #is(task, id) {
    return task.id === id || task.id === this.idOf(id);
  }

  #do(kind, args, key = freshKey()) {
    const done = new Promise((resolve, reject) => {
      const usual = { headers: {}, body: () => undefined, apply: (tasks) => tasks };
      this.#queue.push({ ...usual, ...this.#how[kind](...args), kind, args, key, resolve, reject });
    });
    this.#keep();
    this.#tell();
    this.#send();
    return done;
  }

  async #send() {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#queue.length > 0) {
      const step = this.#queue[0];
      try {
        const { body } = await this.#persist("send", () => this.#sent(step));
        step.answer?.(body);
        this.#answered.push(step);
        step.resolve(body);
      } catch (error) {
        // It waits for whoever signs in again.
        if (error instanceof SignedOut) break;
        step.reject(error);
      }
      this.#queue.shift();
      this.#keep();
      this.#tell();
      this.read().catch(() => {});
    }
    this.#isSending = false;
  }

  #sent({ method, path, body, headers, version, key }) {
    const condition = version ? { "if-match": `"${this.#latest(version)}"` } : {};
    const all = { ...headers, ...condition, "idempotency-key": key };
    return request(method, this.#base + path(), { body: body(), headers: all });
  }

  /** The version of a task after one's own changes. */
  #latest(version) {
    const next = this.#next.get(version);
    return next && next !== version ? this.#latest(next) : version;
  }

  /** Keeps what waits, for the page that comes after this one in its tab. */
  #keep() {
    const named = (arg) => (typeof arg === "string" ? this.idOf(arg) : arg);
    const kept = this.#queue.map(({ kind, args, key }) => ({ kind, args: args.map(named), key }));
    if (kept.length > 0) sessionStorage.setItem(this.#name, JSON.stringify(kept));
    else sessionStorage.removeItem(this.#name);
  }

  #tellAway(what, isAway) {
    const before = this.isAway;
    this.#away[isAway ? "add" : "delete"](what);
    if (before !== this.isAway) this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
