// The rows of the list: one for every task, in their order. Rows that stay are left where they are, and whoever is in one; rows of
// tasks that did not change are not touched.
//
// A long list is several lists below each other, so that a browser skips those that nobody sees (`content-visibility`) at the cost of
// one element each.
import { $, copied } from "./page.js";
import { fill, followClock } from "./row.js";

/** Rows of a list. */
const MOST = 100;

export class Rows {
  #place;
  #idOf;
  /** Row and task by id: `{ row, task, isMovable }`. */
  #shown = new Map();
  /** The ids in their order. */
  #order = [];
  #lists = [];
  #tasks = [];
  #isMovable = false;

  /** `idOf(id)` is the real id of a task that was made here. */
  constructor(place, idOf) {
    [this.#place, this.#idOf] = [place, idOf];
  }

  /** Shows these tasks. `isMovable` says whether their order can be changed. */
  show(tasks, isMovable) {
    if (this.#lists.length === 0) this.#place.replaceChildren();
    const [before, wasMovable] = [this.#tasks, this.#isMovable];
    [this.#tasks, this.#isMovable] = [tasks, isMovable];
    const isSame = isMovable === wasMovable && tasks.length === before.length;
    const changed = isSame ? tasks.filter((task, at) => task !== before[at]) : tasks;
    // An edited row may remain without its task.
    const isOrder = isSame && tasks.length === this.#order.length && isSameOrder(tasks, before);
    const order = isOrder ? this.#order : this.#orderOf(tasks);
    for (const task of changed) this.#fill(task, isMovable);
    if (!isOrder) this.#arrange(order);
  }

  /** The ids of the rows that these tasks make, with those that stay; the others go. */
  #orderOf(tasks) {
    this.#rename();
    const wanted = new Set(tasks.map((task) => task.id));
    const order = [...wanted];
    for (const [at, id] of this.#order.entries()) if (!wanted.has(id) && !this.#leaves(id)) order.splice(at, 0, id);
    return order;
  }

  /** Other rows are in their place from now on. */
  clear() {
    this.#shown.clear();
    [this.#order, this.#lists, this.#tasks] = [[], [], []];
  }

  /** Shows what is due as it is due now. */
  followClock() {
    for (const { row, task } of this.#shown.values()) if (task.due) followClock(row, task);
  }

  /** Renames rows of tasks created here to their real ids. */
  #rename() {
    this.#order = this.#order.map((id) => {
      const real = this.#idOf(id);
      if (real === id || this.#shown.has(real)) return id;
      this.#shown.set(real, this.#shown.get(id));
      this.#shown.delete(id);
      return real;
    });
  }

  /** The row of a task that has gone goes, unless somebody is typing in it; whoever is in it goes on with the next one. */
  #leaves(id) {
    const { row } = this.#shown.get(id);
    if ($(".editor", row)) return false;
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const wasHere = row.contains(document.activeElement);
    row.remove();
    this.#shown.delete(id);
    if (wasHere) ((next && $("[data-edit]", next)) ?? $("#main")).focus({ preventScroll: true });
    return true;
  }

  #fill(task, isMovable) {
    const shown = this.#shown.get(task.id);
    if (shown?.task === task && shown.isMovable === isMovable) return;
    const row = shown?.row ?? copied("row");
    this.#shown.set(task.id, { row, task, isMovable });
    fill(row, task, isMovable);
  }

  /** Has the rows in this order, so many in each list. */
  #arrange(order) {
    const before = this.#order;
    this.#order = order;
    for (let at = 0, begin = 0; begin < order.length; at += 1, begin += MOST) {
      const end = Math.min(begin + MOST, order.length);
      const isSame = end === Math.min(begin + MOST, before.length) && isEqual(order, before, begin, end);
      if (!isSame || !this.#lists[at]) arrange(this.#list(at), order.slice(begin, end).map((id) => this.#shown.get(id).row));
    }
    for (const list of this.#lists.splice(Math.ceil(order.length / MOST))) list.remove();
  }

  #list(at) {
    if (!this.#lists[at]) {
      const list = document.createElement("ol");
      list.setAttribute("aria-label", at === 0 ? "Tasks" : `Tasks from ${at * MOST + 1} on`);
      this.#lists[at] = list;
      this.#place.append(list);
    }
    return this.#lists[at];
  }
}

const isSameOrder = (one, other) => one.every((task, at) => task === other[at] || task.id === other[at].id);

function isEqual(one, other, begin, end) {
  for (let at = begin; at < end; at += 1) if (one[at] !== other[at]) return false;
  return true;
}

/** Has these rows at the beginning of a list; others in it go to a later one. */
function arrange(list, rows) {
  let next = list.firstElementChild;
  for (const row of rows) {
    // The row before it was moved down: it is placed when its turn comes.
    if (next !== row && next?.nextElementSibling === row) next = row;
    if (next === row) next = row.nextElementSibling;
    else place(list, row, next);
  }
}

function place(list, row, next) {
  const focused = row.contains(document.activeElement) && document.activeElement;
  list.insertBefore(row, next);
  if (focused) focused.focus({ preventScroll: true });
}
