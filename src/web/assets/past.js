// The list as it was at any moment.
import { $, coalesced, copied, element, exact, toast } from "./page.js";
import { told } from "./history.js";
import { fillWords } from "./row.js";

/** Most tasks and differences that are shown of a moment. */
const MOST = 1_000;
const NOTE = "You are looking at the past. Nothing here changes until you restore it.";

export class Past {
  #page;
  #slider = $("#moment");
  #latest = Number(this.#slider.max);
  #wanted = this.#latest;
  /** The version that is shown; nothing while that is now. */
  #shown;

  /** `page` has `store`, `restore(id, version)` and `show()`, which shows the list as it is now. */
  constructor(page) {
    this.#page = page;
    this.#slider.value = this.#latest;
    this.#slider.addEventListener("input", () => this.visit(Number(this.#slider.value)));
    $("#now").addEventListener("click", () => {
      this.leave();
      this.#slider.focus();
    });
  }

  /** Whether what is on the page is not the list as it is now. */
  get isShown() {
    return this.#shown !== undefined;
  }

  /** The list has had a change. */
  grow(version) {
    if (version <= this.#latest) return;
    const isNow = this.#wanted === this.#latest;
    this.#latest = version;
    this.#slider.max = version;
    if (isNow) this.#slider.value = this.#wanted = version;
  }

  leave() {
    return this.visit(this.#latest);
  }

  /** Shows the list as it was at a version, or as it is. */
  async visit(version) {
    this.#slider.value = this.#wanted = version;
    try {
      await this.#go();
    } catch (error) {
      this.#slider.value = this.#wanted = this.#shown ?? this.#latest;
      toast(`${error.message}: this moment cannot be shown.`);
    }
  }

  #go = coalesced(async () => {
    const version = this.#wanted;
    if (version === this.#shown) return;
    if (version >= this.#latest) this.#showNow();
    else this.#show(version, await this.#read(version));
  });

  #read(version) {
    const { store } = this.#page;
    return Promise.all([
      store.get(`?asOf=${version}&sort=position&limit=${MOST}`),
      store.get(`/diff?from=${version}&limit=${MOST}`),
      store.get(`/history?before=${version + 1}&limit=1`),
    ]);
  }

  #show(version, [list, { differences }, { changes: [last] }]) {
    this.#shown = version;
    const since = new Map(differences.map((difference) => [difference.taskId, difference]));
    $("#list").replaceChildren(...list.tasks.map((task) => this.#row(task, since.get(task.id))));
    $("#empty").hidden = list.tasks.length > 0;
    const when = last ? `${told(last)}, ${exact(last.at)}` : "Before the first change";
    const part = list.nextCursor ? ` The first ${MOST} tasks are shown.` : "";
    this.#say(`${version} of ${this.#latest}: ${when}`, NOTE + part);
  }

  #showNow() {
    if (!this.isShown) return;
    this.#shown = undefined;
    $("#list").replaceChildren();
    this.#say("The list as it is now", "");
    this.#page.show();
  }

  #say(label, note) {
    $("#moment-label").textContent = label;
    this.#slider.setAttribute("aria-valuetext", label);
    $("#past-note").textContent = note;
    $("#now").hidden = !this.isShown;
    $("#more").hidden = this.isShown || !this.#page.store.hasMore;
    for (const part of ["#add", "#filters"]) $(part).inert = this.isShown;
    for (const deed of ["#undo", "#redo"]) $(deed).disabled = this.isShown;
    for (const entry of document.querySelectorAll("#changes [data-visit]")) {
      if (Number(entry.dataset.visit) === this.#shown) entry.setAttribute("aria-current", "true");
      else entry.removeAttribute("aria-current");
    }
  }

  #row(task, difference) {
    const row = copied("past-row");
    fillWords(row, task);
    row.toggleAttribute("data-completed", task.completed);
    if (task.completed) $("[data-badges]", row).append(element("span", "badge", "done"));
    const button = $("[data-restore]", row);
    button.hidden = !difference;
    button.textContent = difference?.after ? "Make it this again" : "Restore";
    button.setAttribute("aria-label", `${button.textContent}: ${task.title}`);
    button.addEventListener("click", () => this.#page.restore(task.id, this.#shown));
    return row;
  }
}
