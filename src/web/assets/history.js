// History of the list, newest first.
import { numberOf } from "./api.js";
import { $, $$, coalesced, copied, isSame, localTimes, number } from "./page.js";

const AND = new Intl.ListFormat(document.documentElement.lang);
const PAGE = 20;
/** Maximum number of changes kept on the page as new ones arrive. */
const MOST = 200;

/** Description of a change, in words. */
export function told({ type, deed, title, before = {}, after = {} }) {
  const name = `“${title ?? after.title ?? before.title ?? "a task"}”`;
  const how = { undo: " (undo)", redo: " (redo)" }[deed] ?? "";
  return `${verb(type, before, after)} ${name}${how}`;
}

function verb(type, before, after) {
  if (type !== "changed") return { created: "Added", deleted: "Deleted", restored: "Restored" }[type];
  if ("completed" in after) return after.completed ? "Completed" : "Opened again";
  if ("title" in after) return `Renamed “${before.title}” to`;
  const fields = ["priority", "due", "tags", "description"].filter((field) => field in after);
  if (fields.length === 0) return "Moved";
  return `Changed the ${AND.format(fields.map((field) => (field === "due" ? "due date" : field)))} of`;
}

/** Description of the last undo or redo, with the place of the original change, as far as the loaded changes go back. */
export function toldOf(deed, changes, session) {
  const at = changes.findIndex((change) => change.deed === deed);
  if (at < 0) return "";
  const [last, ...earlier] = changes.slice(at);
  const taken = deed === "undo" ? inverse(last) : last;
  const isIt = ({ taskId, before, after }) => taskId === taken.taskId && isSame(before, taken.before) && isSame(after, taken.after);
  const original = earlier.find(isIt);
  // All changes of one command have one timestamp.
  const others = earlier.findIndex((change) => change.deed !== deed || change.at !== last.at);
  const more = others < 0 ? earlier.length : others;
  const rest = more > 0 ? ` and ${more === 1 ? "one more change" : `${number(more)} more changes`}` : "";
  const where = original && original.sessionId !== session ? ", which was done on another device" : "";
  return `: ${told({ ...taken, ...original, deed: "do" })}${rest}${where}`;
}

/** The change that an undo has reverted. */
function inverse({ type, taskId, title, before, after }) {
  const types = { deleted: "created", created: "deleted", restored: "deleted", changed: "changed" };
  return { type: types[type], taskId, title, before: after, after: before };
}

export class History {
  #page;
  #list = $("#changes");
  #oldest;

  /** `page` has `store`, `visit(number)` and `restore(id)`. */
  constructor(page) {
    this.#page = page;
    $("#earlier").addEventListener("click", () => this.#readOn().catch(() => {}));
    this.#list.addEventListener("click", ({ target }) => {
      const { visit, restore } = target.closest("button")?.dataset ?? {};
      if (restore) page.restore(restore);
      else if (visit) page.visit(Number(visit));
    });
  }

  /** Adds the changes since the last call. Entries on the page stay, and keep the focus. */
  tell = coalesced(async () => {
    const { changes, nextBefore } = await this.#page.store.get(`/history?limit=${PAGE}`);
    const newest = $("li", this.#list)?.dataset.version;
    const known = changes.findIndex(({ version }) => version === newest);
    // The entries on the page are too old, or of another history: a backup was restored.
    const isGap = known < 0;
    const news = isGap ? changes : changes.slice(0, known);
    if (isGap) this.#list.replaceChildren();
    this.#list.prepend(...news.map((change) => this.#entry(change)));
    if (isGap) this.#more(nextBefore);
    this.#offerRestoring();
  });

  /** Adds a change that was just received, if it is the next one and the title is known; otherwise reads the history. */
  hear(change, task) {
    const newest = $("li", this.#list)?.dataset.version;
    const steps = newest ? numberOf(change.version) - numberOf(newest) : Infinity;
    if (steps <= 0) return;
    const title = change.after?.title ?? change.before?.title ?? task?.title;
    if (steps > 1 || title === undefined) return void this.tell().catch(() => {});
    this.#list.prepend(this.#entry({ ...change, title }));
    this.#forget();
    this.#offerRestoring();
  }

  /** The earliest entries go when there are too many; they can be read again. */
  #forget() {
    const entries = $$(":scope > li", this.#list);
    if (entries.length <= MOST) return;
    for (const entry of entries.slice(MOST)) entry.remove();
    this.#more(entries[MOST - 1].dataset.version);
  }

  async #readOn() {
    const { changes, nextBefore } = await this.#page.store.get(`/history?limit=${PAGE}&before=${this.#oldest}`);
    const entries = changes.map((change) => this.#entry(change));
    this.#list.append(...entries);
    this.#more(nextBefore);
    this.#offerRestoring();
    $("button", entries[0])?.focus();
  }

  #more(nextBefore) {
    this.#oldest = nextBefore;
    $("#earlier").hidden = nextBefore === null;
  }

  #entry(change) {
    const entry = copied("change");
    Object.assign(entry.dataset, { task: change.taskId, type: change.type, version: change.version });
    $('[data-text="what"]', entry).textContent = told(change);
    $("time", entry).dateTime = change.at;
    $("[data-visit]", entry).dataset.visit = numberOf(change.version);
    const button = $("[data-restore]", entry);
    button.dataset.restore = change.taskId;
    button.setAttribute("aria-label", `Restore ${change.title ?? change.before?.title ?? ""}`);
    localTimes(entry);
    return entry;
  }

  /** A task is gone if nothing has happened to it since it was deleted. */
  #offerRestoring() {
    const seen = new Set();
    for (const entry of $$(":scope > li", this.#list)) {
      const { task, type } = entry.dataset;
      $("[data-restore]", entry).hidden = type !== "deleted" || seen.has(task);
      seen.add(task);
    }
    $("#no-changes").hidden = seen.size > 0;
  }
}
