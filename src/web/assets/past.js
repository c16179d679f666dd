// What only the log can show: the list as it was at any moment, and what happened to it.
import { $, copied, exact, localTimes } from "./page.js";
import { fillWords } from "./row.js";

const AND = new Intl.ListFormat(document.documentElement.lang);
const PAGE = 20;
const MOST = 1_000;

/** What a change did, in words. */
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

/** The slider, the list as it was, and the history. `page` has `store`, `restore(id, version)` and `show(isPast)`. */
export class Past {
  #page;
  #slider = $("#moment");
  #version;
  #asked = 0;
  #oldest;

  constructor(page) {
    this.#page = page;
    this.#version = Number(this.#slider.max);
    this.#slider.addEventListener("input", () => this.visit(Number(this.#slider.value)));
    $("#now").addEventListener("click", () => this.leave());
    $("#earlier").addEventListener("click", () => this.#readOn());
    $("#changes").addEventListener("click", (event) => this.#choose(event));
  }

  get isPast() {
    return this.#version < Number(this.#slider.max);
  }

  /** The list has had a change. */
  grow(version) {
    const wasPast = this.isPast;
    this.#slider.max = Math.max(version, this.#slider.max);
    if (!wasPast) this.#slider.value = this.#version = Number(this.#slider.max);
  }

  leave() {
    this.visit(Number(this.#slider.max));
    this.#slider.focus();
  }

  /** Shows the list as it was at a version. */
  async visit(version) {
    this.#slider.value = this.#version = version;
    const asked = ++this.#asked;
    this.#mark();
    $("#now").hidden = !this.isPast;
    if (!this.isPast) {
      this.#say("The list as it is now", "");
      return this.#page.show(false);
    }
    const [list, difference, history] = await Promise.all([
      this.#page.store.get(`?asOf=${version}&sort=position&limit=${MOST}`),
      this.#page.store.get(`/diff?from=${version}&limit=${MOST}`),
      this.#page.store.get(`/history?before=${version + 1}&limit=1`),
    ]);
    if (asked !== this.#asked) return;
    const last = history.changes[0];
    const when = last ? `${told(last)}, ${exact(last.at)}` : "Before the first change";
    this.#say(`${version} of ${this.#slider.max}: ${when}`, "You are looking at the past. Nothing here changes until you restore it.");
    const since = new Map(difference.differences.map((one) => [one.taskId, one]));
    $("#list").replaceChildren(...list.tasks.map((task) => this.#row(task, since.get(task.id))));
    $("#empty").hidden = list.tasks.length > 0;
    this.#page.show(true);
  }

  #say(label, note) {
    $("#moment-label").textContent = label;
    $("#moment").setAttribute("aria-valuetext", label);
    $("#past-note").textContent = note;
    $("#past-note").hidden = !note;
  }

  #row(task, difference) {
    const row = copied("past-row");
    fillWords(row, task);
    row.toggleAttribute("data-completed", task.completed);
    const button = $("[data-restore]", row);
    button.hidden = !difference;
    button.textContent = difference?.after ? "Make it this again" : "Restore";
    button.setAttribute("aria-label", `${button.textContent}: ${task.title}`);
    button.addEventListener("click", () => this.#page.restore(task.id, this.#version));
    return row;
  }

  /** Shows what happened, from the last change on. */
  async tell() {
    const { changes, nextBefore } = await this.#page.store.get(`/history?limit=${PAGE}`);
    $("#changes").replaceChildren(...changes.map((change) => this.#entry(change)));
    $("#no-changes").hidden = changes.length > 0;
    this.#more(nextBefore);
  }

  async #readOn() {
    const { changes, nextBefore } = await this.#page.store.get(`/history?limit=${PAGE}&before=${this.#oldest}`);
    const entries = changes.map((change) => this.#entry(change));
    $("#changes").append(...entries);
    this.#more(nextBefore);
    $("button", entries[0])?.focus();
  }

  #more(nextBefore) {
    this.#oldest = nextBefore;
    $("#earlier").hidden = nextBefore === null;
  }

  #entry(change) {
    const entry = copied("change");
    $('[data-text="what"]', entry).textContent = told(change);
    $("time", entry).dateTime = change.at;
    $("[data-visit]", entry).dataset.visit = change.version;
    const button = $("[data-restore]", entry);
    button.hidden = change.type !== "deleted" || Boolean(this.#page.store.find(change.taskId));
    button.dataset.restore = change.taskId;
    button.setAttribute("aria-label", `Restore ${change.title ?? change.before?.title ?? ""}`);
    localTimes(entry);
    return entry;
  }

  #choose({ target }) {
    const { visit, restore } = target.closest("button")?.dataset ?? {};
    if (restore) this.#page.restore(restore);
    else if (visit) this.visit(Number(visit)).catch(() => {});
  }

  #mark() {
    for (const button of document.querySelectorAll("#changes [data-visit]")) {
      const isHere = this.isPast && Number(button.dataset.visit) === this.#version;
      if (isHere) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}
