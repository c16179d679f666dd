// The list of tasks: what is done with it, and what is seen of it.
import { $, $$, announce, copied, localTimes, toast } from "./page.js";
import { numberOf, ownSession, SignedOut } from "./api.js";
import { showCalls } from "./calls.js";
import { Drafts } from "./drafts.js";
import { Editor } from "./editor.js";
import { complain, settle, settleAsTyped } from "./forms.js";
import { History, toldOf } from "./history.js";
import { follow } from "./live.js";
import { placeAfter, reorder } from "./order.js";
import { sayWhenOver, untilOver } from "./over.js";
import { Past } from "./past.js";
import { fill } from "./row.js";
import { Store } from "./store.js";

const TYPING_PAUSE = 150;

const { user, version } = $("#tasks").dataset;
const list = $("#list");
const store = new Store(user);
const drafts = new Drafts(user);
/** The forms that are open. */
let editors = [];
const past = new Past({ store, version, restore, show });
const history = new History({ store, restore, visit: (number) => past.visit(number) });

sayWhenOver(() => (store.waiting > 0 ? `${counted(store.waiting)} will be sent when you sign in again here.` : ""));
showCalls();
for (const part of $$("[data-script]")) part.hidden = false;
for (const part of $$("[data-plain]")) part.remove();

// Seeing.

const isSorted = () => store.query.get("sort") !== "position";
const isDragging = () => Boolean($(".is-dragged", list));
const counted = (changes) => (changes === 1 ? "One change" : `${changes} changes`);

function show() {
  showState();
  if (!store.isRead) return;
  const { open, completed } = store.counts;
  $("#count-open").textContent = open;
  $("#count-completed").textContent = completed;
  if (past.isShown || isDragging()) return;
  showTasks(store.tasks);
  const isFiltered = ["q", "completed", "priority"].some((name) => store.query.has(name));
  $("#empty").hidden = list.children.length > 0;
  $("#empty").textContent = isFiltered ? "Nothing matches." : "Nothing here yet. Add your first task above.";
  $("#more").hidden = !store.hasMore;
}

/** Every task in a row of its own, in their order. Rows that stay are left where they are, and whoever is in one. */
function showTasks(tasks) {
  const wanted = new Set(tasks.map((task) => task.id));
  const rows = new Map();
  for (const row of $$(":scope > li", list)) {
    const id = store.idOf(row.dataset.id);
    // What the server has shown has no buttons for a script; what somebody is typing stays, though its task has gone.
    const isKept = $("[data-edit]", row) && !rows.has(id) && (wanted.has(id) || $(".editor", row));
    if (isKept) rows.set(id, row);
    else leave(row);
  }
  tasks.forEach((task, at) => {
    const row = rows.get(task.id) ?? copied("row");
    fill(row, task, !isSorted());
    if (list.children[at] !== row) place(row, list.children[at] ?? null);
  });
}

function place(row, next) {
  const focused = row.contains(document.activeElement) && document.activeElement;
  list.insertBefore(row, next);
  if (focused) focused.focus({ preventScroll: true });
}

/** A row goes; whoever is in it goes on with the next one. */
function leave(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  const wasHere = row.contains(document.activeElement);
  row.remove();
  if (wasHere) ((next && $("[data-edit]", next)) ?? $("#main")).focus({ preventScroll: true });
}

let isLost = false;

function showState() {
  const isAway = store.isAway || isLost || !navigator.onLine;
  const kept = store.waiting > 0 ? `${counted(store.waiting)} will be sent then.` : "What you do meanwhile is kept.";
  const head = navigator.onLine ? "The server does not answer; trying again." : "You are offline; waiting for the network.";
  const text = isAway ? `${head} ${kept}` : "";
  const state = $("#state");
  if (state.textContent === text) return;
  if (Boolean(state.textContent) !== isAway) announce(text || "The server answers again.");
  state.textContent = text;
  $("#tasks").classList.toggle("is-away", isAway);
}

store.addEventListener("change", show, untilOver);
for (const event of ["online", "offline"]) addEventListener(event, showState, untilOver);
addEventListener("beforeunload", (event) => {
  if (store.waiting > 0 || editors.some((editor) => editor.isTouched)) event.preventDefault();
}, untilOver);
const clock = setInterval(() => {
  localTimes($("#changes"));
  // What was due tomorrow is due today.
  show();
}, 60_000);
untilOver.signal.addEventListener("abort", () => clearInterval(clock));

// Doing.

/** Says what a change came to, and whether it was done; `undo` takes it back. */
async function done(doing, text, undo = undoLast) {
  try {
    const answer = await doing;
    toast(text, undo && { text: "Undo", run: () => undo(answer) });
    return true;
  } catch (error) {
    if (!(error instanceof SignedOut)) toast(`${error.message}.`);
    return false;
  }
}

const undoLast = ({ version }) => done(store.takeBack("undo", version), "Undone.", null);

async function restore(id, version) {
  const before = numberOf(store.server.version);
  const doing = store.restore(id, version);
  // Whatever changes a task makes a new version of the list.
  const isSo = await doing.then((task) => numberOf(task.version) <= before, () => false);
  const isDone = await (isSo ? done(doing, "It is like that already.", null) : done(doing, "Restored."));
  if (isDone && past.isShown) past.leave();
}

function move(id, side, other) {
  const { title } = store.find(id);
  return done(store.move(id, side, other), `Moved: ${title}`);
}

function step(id, steps) {
  const to = placeAfter(store.tasks, id, steps);
  if (!to) return announce("It is at the end.");
  announce(`${store.find(id).title}: place ${to.number} of ${store.tasks.length}`);
  move(id, to.side, to.other);
}

reorder(list, { step, move, dropped: show });

list.addEventListener("submit", (event) => {
  // The form of a task that has been closed is in no row any more.
  const row = event.target.closest("li");
  const task = row && store.find(row.dataset.id);
  // Before the list has been read, the form itself does it.
  if (!task) return;
  event.preventDefault();
  if (event.target.matches("[data-complete]")) {
    const completed = !task.completed;
    done(store.change(task.id, { completed }), `${completed ? "Completed" : "Opened again"}: ${task.title}`);
  } else if (event.target.matches("[data-delete]")) {
    done(store.remove(task.id), `Deleted: ${task.title}`, () => restore(task.id));
  }
});

list.addEventListener("click", ({ target }) => {
  const row = target.closest("li");
  const task = row && !past.isShown && store.find(row.dataset.id);
  if (!task || !target.closest("[data-edit]") || $(".editor:not([hidden])", row)) return;
  const editor = new Editor(row, task, {
    save: async (fields, version) => {
      const answer = await store.change(task.id, fields, version);
      toast(`Saved: ${answer.title}`, { text: "Undo", run: () => undoLast(answer) });
    },
    closed: show,
    say: toast,
    drafts,
    move: isSorted() ? undefined : (steps) => step(row.dataset.id, steps),
  });
  editors = [...editors.filter((open) => open.isTouched), editor];
});

const add = $("#add");
add.noValidate = true;
settleAsTyped(add);
add.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { title, priority, due } = add.elements;
  const fields = { title: title.value, priority: priority.value, due: due.value || null };
  settle(add);
  if (!fields.title.trim()) return complain(add, { status: 400, details: [{ field: "title", message: "must not be empty" }] });
  title.value = due.value = "";
  priority.value = "none";
  title.focus();
  try {
    const answer = await store.add(fields);
    toast(`Added: ${answer.title}`, { text: "Undo", run: () => undoLast(answer) });
  } catch (error) {
    if (!(error instanceof SignedOut)) takeBackInto(add.elements, fields, error);
  }
});

/** What was refused can be typed again, unless something else is being typed: then it is said what is missing. */
function takeBackInto({ title, priority, due }, fields, error) {
  if (title.value) return toast(`Not added: ${fields.title}. ${error.message}.`);
  title.value = fields.title;
  priority.value = fields.priority;
  due.value = fields.due ?? "";
  complain(add, error);
}

/** Takes the last change back, whoever made it, or does it again; says which that was. */
async function takeBack(deed) {
  const doing = store.takeBack(deed);
  const read = () => store.get("/history?limit=50").then(({ changes }) => toldOf(deed, changes, ownSession()));
  const which = await doing.then(read).catch(() => "");
  return done(doing, `${deed === "undo" ? "Undone" : "Done again"}${which}.`, null);
}

for (const deed of ["undo", "redo"]) $(`#${deed}`).addEventListener("click", () => takeBack(deed));

addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input:not([type=range]), textarea, select");
  const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
  if (isTyping || !isUndo || past.isShown) return;
  event.preventDefault();
  takeBack(event.shiftKey ? "redo" : "undo");
}, untilOver);

// Finding.

const filters = $("#filters");

/** Which tasks are asked for stands in the address, so that it can be kept, sent and gone back to. */
function keepInAddress(isNew) {
  const asked = [...new FormData(filters)].map(([name, text]) => [name, text.trim()]);
  const query = new URLSearchParams(asked.filter(([name, text]) => text && !(name === "sort" && text === "position")));
  const address = location.pathname + (query.size > 0 ? `?${query}` : "");
  if (address === location.pathname + location.search) return;
  window.history[isNew ? "pushState" : "replaceState"](null, "", address);
}

addEventListener("popstate", () => {
  const query = new URLSearchParams(location.search);
  for (const field of $$("[name]", filters)) field.value = query.get(field.name) ?? (field.name === "sort" ? "position" : "");
  ask();
}, untilOver);

function ask() {
  const { q, completed, priority, sort } = filters.elements;
  const [by, order] = sort.value.split(".");
  const chosen = { q: q.value.trim(), completed: completed.value, priority: priority.value, sort: by, order };
  store.ask(new URLSearchParams(Object.entries(chosen).filter(([, value]) => value))).catch(() => {});
}

let pause;
filters.addEventListener("input", ({ target }) => {
  clearTimeout(pause);
  pause = setTimeout(() => {
    keepInAddress(target.matches("select"));
    ask();
  }, TYPING_PAUSE);
});
filters.addEventListener("submit", (event) => event.preventDefault());
$("#more").addEventListener("click", () => store.more().catch(() => {}));

// Following.

function catchUp() {
  store.read().then(() => past.reach(store.server.version), () => {});
  history.tell().catch(() => {});
}

follow(user, version, {
  connected: () => {
    isLost = false;
    showState();
    catchUp();
  },
  lost: () => {
    isLost = true;
    showState();
  },
  change: (change) => {
    past.grow(change.version);
    catchUp();
  },
});

const resumed = store.resume();
for (const change of resumed) done(change, "Sent.", null);
ask();
catchUp();
