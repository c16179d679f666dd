// The list as it was at any moment.
import { numberOf } from "./api.js";
import { $, coalesced, copied, element, exact, number as written, toast } from "./page.js";
import { told } from "./history.js";
import { fillWords } from "./row.js";

/** Most tasks and differences that are shown of a moment. */
const MOST = 1_000;
const NOTE = "You are looking at the past. Nothing here changes until you restore it.";

export class Past {
  #page;
  #slider = $("#moment");
  /** The version of the list now, and its number. */
  #version;
  #latest = Number(this.#slider.max);
  #wanted = this.#latest;
  /** The number of the version that is shown; nothing while that is now. */
  #shown;
  /** The query that was asked for what is shown. */
  #query;

  /**
   * `page` has `store`, `version`, `filters`, `restore(id, version)`, `showCounts(counts)` and `show()`, which shows the list as it
   * is now in the place of what it was.
   */
  constructor(page) {
    this.#page = page;
    this.#version = page.version;
    this.#slider.value = this.#latest;
    this.#slider.addEventListener("input", () => this.visit(Number(this.#slider.value)));
    $("#now").addEventListener("click", () => {
      this.leave();
      this.#slider.focus();
    });
  }

  /** True if the page does not show the current list. */
  get isShown() {
    return this.#shown !== undefined;
  }

  /** The list has had a change. */
  grow(version) {
    if (numberOf(version) > this.#latest) this.reach(version);
  }

  /** The list is at this version now: an earlier one than was known, if a backup was restored. */
  reach(version) {
    if (version === this.#version) return;
    const isNow = this.#wanted === this.#latest;
    [this.#version, this.#latest] = [version, numberOf(version)];
    this.#slider.max = this.#latest;
    if (isNow) this.#slider.value = this.#wanted = this.#latest;
  }

  /** The version with a number in the history of the list. */
  #at(number) {
    return number === this.#latest ? this.#version : `${number}@${this.#version}`;
  }

  leave() {
    return this.visit(this.#latest);
  }

  /** Shows the list as it was at the version with a number, or as it is. */
  async visit(number) {
    this.#slider.value = this.#wanted = number;
    try {
      await this.#go();
    } catch (error) {
      this.#slider.value = this.#wanted = this.#shown ?? this.#latest;
      toast(`${error.message}: this moment cannot be shown.`);
    }
  }

  /** Reads the past list again after a change of the filters. */
  lookAgain() {
    return this.visit(this.#wanted);
  }

  #go = coalesced(async () => {
    const number = this.#wanted;
    const query = String(this.#page.filters.query);
    if (number === this.#shown && query === this.#query) return;
    if (number >= this.#latest) return this.#showNow();
    const read = await this.#read(number, query);
    this.#query = query;
    this.#show(number, read);
  });

  #read(number, query) {
    const { store } = this.#page;
    const version = this.#at(number);
    return Promise.all([
      store.get(`?asOf=${version}&${query}&limit=${MOST}`),
      store.get(`/diff?from=${version}&limit=${MOST}`),
      store.get(`/history?before=${this.#at(number + 1)}&limit=1`),
    ]);
  }

  #show(number, [list, { differences, nextCursor }, { changes: [last] }]) {
    this.#shown = number;
    const since = new Map(differences.map((difference) => [difference.taskId, difference]));
    const rows = element("ol", "", "");
    rows.setAttribute("aria-label", "Tasks");
    rows.append(...list.tasks.map((task) => this.#row(task, since.get(task.id), nextCursor !== null)));
    $("#list").replaceChildren(rows);
    this.#page.showCounts(list.counts);
    $("#empty").hidden = list.tasks.length > 0;
    $("#empty").textContent = this.#page.filters.isFiltered ? "Nothing matched then." : "Nothing was here then.";
    const when = last ? `${told(last)}, ${exact(last.at)}` : "Before the first change";
    const part = list.nextCursor ? ` The first ${written(MOST)} tasks are shown.` : "";
    this.#say(`${written(number)} of ${written(this.#latest)}: ${when}`, NOTE + part);
  }

  #showNow() {
    if (!this.isShown) return;
    this.#shown = undefined;
    this.#say("The list as it is now", "");
    this.#page.show();
  }

  #say(label, note) {
    $("#moment-label").textContent = label;
    this.#slider.setAttribute("aria-valuetext", label);
    $("#past-note").textContent = note;
    $("#now").hidden = !this.isShown;
    $("#more").hidden = this.isShown || !this.#page.store.hasMore;
    $("#add").inert = this.isShown;
    for (const deed of ["#undo", "#redo"]) $(deed).disabled = this.isShown;
    for (const entry of document.querySelectorAll("#changes [data-visit]")) {
      if (Number(entry.dataset.visit) === this.#shown) entry.setAttribute("aria-current", "true");
      else entry.removeAttribute("aria-current");
    }
  }

  /** A task as it was; `isUnsure` if it may be different now though no difference is known. */
  #row(task, difference, isUnsure) {
    const row = copied("past-row");
    fillWords(row, task);
    row.toggleAttribute("data-completed", task.completed);
    if (task.completed) $("[data-badges]", row).append(element("span", "badge", "done"));
    const button = $("[data-restore]", row);
    button.hidden = !difference && !isUnsure;
    button.textContent = difference && !difference.after ? "Restore" : "Restore this version";
    button.setAttribute("aria-label", `${button.textContent}: ${task.title}`);
    button.addEventListener("click", () => this.#page.restore(task.id, this.#at(this.#shown)));
    return row;
  }
}
