// Tasks as the server has them, and as they will be after the commands of this page.
//
// A command takes effect on the page at once. It waits in a queue and is sent with one idempotency key until the server
// responds, so that it is neither lost nor executed twice; the outbox keeps the queue beyond its tab, also after the session
// has ended. The effect of an acknowledged command stays until the list includes it: the list follows its changes version by
// version, and is read again only if they lack information. The effect of a rejected command is reverted.
import { coalesced, freshKey } from "./page.js";
import { numberOf, pause, request, SignedOut } from "./api.js";
import { commandsOf, placeOf } from "./commands.js";
import { after, listingOf, withPage } from "./listing.js";
import { Outbox } from "./outbox.js";

const PAGE = 100;
const MOST_AT_ONCE = 1_000;
const SOONEST = 400;
const LATEST = 8_000;
/** Time after which the list is read again if it does not include an acknowledged command. */
const TOLD_WITHIN = 3_000;
/** Maximum number of changes applied one by one. */
const MOST_HEARD = 2_000;
/** Interval in milliseconds at which changes are shown, as often as a screen refreshes. */
const FRAME = 16;

const NOTHING = { tasks: [], counts: { open: 0, completed: 0 }, version: "0", next: null };

const counted = new WeakMap();

/** Number of completed tasks, computed once per array. */
function completedIn(tasks) {
  if (!counted.has(tasks)) counted.set(tasks, tasks.reduce((sum, task) => sum + Number(task.completed), 0));
  return counted.get(tasks);
}

const only = (task, names) => Object.fromEntries(names.map((name) => [name, task[name]]));

export class Store extends EventTarget {
  #base;
  #outbox;
  #queue = [];
  #answered = [];
  #heard = [];
  #isSending = false;
  #away = new Set();
  #made = new Map();
  /** Version of a task after each of the user's own changes, by the version before. */
  #next = new Map();
  /** Number of the newest version seen: a response with a later one is news. */
  #reached = 0;
  #tasks;
  #frame;

  constructor(user) {
    super();
    this.#outbox = new Outbox(user);
    this.#base = `/api/${user}/tasks`;
    this.query = new URLSearchParams({ sort: "position" });
    this.server = NOTHING;
    this.isRead = false;
  }

  /** Tasks with the effects of all commands of this page. */
  get tasks() {
    const steps = () => [...this.#answered, ...this.#queue];
    return (this.#tasks ??= steps().reduce((tasks, step) => step.apply(tasks), this.server.tasks));
  }

  /** Numbers of open and completed tasks in the whole list. */
  get counts() {
    const [before, now] = [this.server.tasks, this.tasks];
    const more = completedIn(now) - completedIn(before);
    const { counts } = this.server;
    return { open: counts.open + now.length - before.length - more, completed: counts.completed + more };
  }

  /** Number of commands without a response. */
  get waiting() {
    return this.#queue.length;
  }

  /** True while the server does not respond. */
  get isAway() {
    return this.#away.size > 0;
  }

  get hasMore() {
    return this.server.next !== null;
  }

  /** A task that was made here gets its real id from the server. */
  idOf(id) {
    return this.#made.get(id) ?? id;
  }

  find(id) {
    return this.tasks[placeOf(this.tasks, id, this.idOf(id))];
  }

  // Reading.

  /** Shows other tasks. */
  ask(query) {
    this.query = query;
    return this.read();
  }

  /** Reads the loaded part again, as soon as the server responds; calls before it begins share one reading. */
  read = coalesced(() => this.#inTurn(() => this.#readNow()));

  /** Reads the next page. */
  more = coalesced(() => this.#inTurn(() => this.#readOn()));

  /** Reads the loaded part again if its version is not the server's. */
  check = coalesced(() => this.#inTurn(async () => {
    const { version } = await this.#page({ limit: 1 });
    if (version !== this.server.version || !this.isRead) await this.#readNow();
  }));

  /** Hears of a change of the list. */
  hear(change) {
    this.#heard.push(change);
    if (this.#heard.length > MOST_HEARD) this.#heard.shift();
    this.#follow().catch(() => {});
  }

  #turn = Promise.resolve();

  /** Runs readings one after the other; changes are never applied during one. */
  #inTurn(read) {
    const turn = this.#turn.catch(() => {}).then(() => this.#persist("read", read));
    this.#turn = turn;
    return turn;
  }

  async #readNow() {
    const [query, answered] = [this.query, [...this.#answered]];
    const shown = query === this.server.query ? Math.max(this.server.tasks.length, PAGE) : PAGE;
    const answers = [];
    for (let left = shown; left > 0; left -= MOST_AT_ONCE) {
      const cursor = answers.at(-1)?.nextCursor;
      answers.push(await this.#page({ query, cursor, limit: Math.min(left, MOST_AT_ONCE) }));
      if (!answers.at(-1).nextCursor) break;
    }
    if (query !== this.query) return;
    this.isRead = true;
    this.#answered = this.#answered.filter((step) => !answered.includes(step));
    this.#serve(listingOf(query, answers, this.server.tasks));
    this.#tell();
    if (this.#heard.length > 0) this.#follow().catch(() => {});
  }

  async #readOn() {
    const { query, next } = this.server;
    if (next === null || query !== this.query) return;
    const answer = await this.#page({ query, cursor: next, limit: PAGE });
    this.#serve(withPage(this.server, answer));
    this.#tell();
  }

  async #page({ query = this.query, cursor, limit }) {
    const asked = new URLSearchParams(query);
    asked.set("limit", limit);
    if (cursor) asked.set("cursor", cursor);
    return (await request("GET", `${this.#base}?${asked}`)).body;
  }

  /** Applies what was heard, in turn. */
  #follow = coalesced(() => this.#inTurn(async () => {
    for (; this.#heard.length > 0 && this.isRead; this.#heard.shift()) {
      const [change] = this.#heard;
      const listing = after(this.server, change) ?? (await this.#afterWhole(change));
      if (listing) this.#serve(listing);
      else await this.#readNow();
    }
    this.#tellSoon();
  }));

  /** The listing after a change of a task that is not loaded, if it is asked for at this very version. */
  async #afterWhole(change) {
    if (change.type === "deleted" || numberOf(change.version) !== numberOf(this.server.version) + 1) return undefined;
    const task = await this.get(`/${change.taskId}`).catch(() => undefined);
    return task?.version === change.version ? after(this.server, change, task) : undefined;
  }

  /** The server has this; commands that it knows of are part of it. */
  #serve(listing) {
    this.server = listing;
    this.#reach(listing.version);
    const isGone = (id) => placeOf(listing.tasks, id, this.idOf(id)) < 0;
    const isPart = ({ kind, args, version }) =>
      kind === "remove" ? isGone(args[0]) : numberOf(version) <= numberOf(listing.version);
    this.#answered = this.#answered.filter((step) => !isPart(step));
    this.#tasks = undefined;
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

  // Changing.

  add(fields) {
    return this.#do("add", [`new-${freshKey()}`, fields]);
  }

  /** Changes a task; only if it is still what it was, if that is given: one's own changes since are no others. */
  change(id, fields, base) {
    return this.#do("change", [id, fields, base && { version: base.version, ...only(base, Object.keys(fields)) }]);
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

  /**
   * Takes the last change back (`undo`) or does it again (`redo`); only if the list is still at a version, if one is given. `check` is
   * asked when its turn comes, so that whatever is done after it waits; its error is the answer then.
   */
  takeBack(deed, version, check) {
    return this.#do("takeBack", [deed, version], { check });
  }

  /** Goes on with what tabs that are gone have left; each command as `{ kind, args, done }`, where `done` is what comes of it. */
  async resume() {
    const left = await this.#outbox.adopt().catch(() => []);
    return left.map(({ kind, args, key }) => ({ kind, args, done: this.#do(kind, args, { key }) }));
  }

  #commands = commandsOf({
    of: (id) => this.idOf(id),
    there: () => this.server.tasks,
    made: (id, real) => {
      this.#made.set(id, real);
      this.dispatchEvent(new CustomEvent("made", { detail: { id, real } }));
    },
  });

  #do(kind, args, { key = freshKey(), check } = {}) {
    const done = new Promise((resolve, reject) => {
      const usual = { headers: {}, body: () => undefined, apply: (tasks) => tasks };
      this.#queue.push({ ...usual, ...this.#commands[kind](...args), kind, args, key, check, resolve, reject });
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
      const [step, reached] = [this.#queue[0], this.#reached];
      try {
        await step.check?.();
        const { body } = await this.#persist("send", () => this.#sent(step));
        this.#settle(step, body, reached);
      } catch (error) {
        // The command waits for the next sign-in.
        if (error instanceof SignedOut) break;
        step.reject(error);
      }
      this.#queue.shift();
      this.#keep();
      this.#tell();
    }
    this.#isSending = false;
  }

  #sent({ method, path, body, headers, version, key }) {
    const condition = version ? { "if-match": `"${this.#latest(version)}"` } : {};
    const all = { ...headers, ...condition, "idempotency-key": key };
    return request(method, this.#base + path(), { body: body(), headers: all });
  }

  /**
   * Records the response to a command; it is news if its version is later than the one reached at sending. The effect stays
   * until the list includes it, which is read again if that takes too long.
   */
  #settle(step, body, reached) {
    step.answer?.(body);
    const isNews = numberOf(body?.version) > reached;
    this.#reach(body?.version);
    if (step.version) this.#next.set(step.version, body.version);
    this.#answered.push({ ...step, version: body?.version });
    this.#serve(this.server);
    setTimeout(() => this.#answered.some(({ key }) => key === step.key) && this.read().catch(() => {}), TOLD_WITHIN);
    step.resolve(body && { ...body, isNews });
  }

  #reach(version) {
    this.#reached = Math.max(this.#reached, numberOf(version) || 0);
  }

  /** The version of a task after one's own changes. */
  #latest(version) {
    const next = this.#next.get(version);
    return next && next !== version ? this.#latest(next) : version;
  }

  #keep() {
    const named = (arg) => (typeof arg === "string" ? this.idOf(arg) : arg);
    this.#outbox.keep(this.#queue.map(({ kind, args, key }) => ({ kind, args: args.map(named), key }))).catch(() => {});
  }

  // Telling.

  #tellAway(what, isAway) {
    const before = this.isAway;
    this.#away[isAway ? "add" : "delete"](what);
    if (before !== this.isAway) this.#tell();
  }

  #tellSoon() {
    this.#frame ??= setTimeout(() => this.#tell(), FRAME);
  }

  #tell() {
    clearTimeout(this.#frame);
    this.#frame = this.#tasks = undefined;
    this.dispatchEvent(new Event("change"));
  }
}
