// The list of tasks: what is done with it, and what is seen of it.
import { $, $$, announce, copied, element, localTimes, showSignedOut, toast } from "./page.js";
import { Refused, session } from "./api.js";
import { complain, settle } from "./forms.js";
import { follow } from "./live.js";
import { placeAfter, reorder } from "./order.js";
import { Past } from "./past.js";
import { edit, fill } from "./row.js";
import { Store } from "./store.js";

const MOST_CALLS = 30;
const TYPING_PAUSE = 150;

const { user, version } = $("#tasks").dataset;
const list = $("#list");
const store = new Store(user);
const past = new Past({ store, restore, show: showPast });

session.addEventListener("signedout", ({ detail }) => showSignedOut(detail));
session.addEventListener("call", ({ detail }) => showCall(detail));
for (const part of $$("[data-script]")) part.hidden = false;
$("#left-out")?.remove();

// Seeing.

const isSorted = () => store.query.get("sort") !== "position";

function show() {
  if (!store.isRead) return;
  $("#count-open").textContent = store.server.counts.open;
  $("#count-completed").textContent = store.server.counts.completed;
  if (past.isPast) return showState();
  const tasks = store.tasks;
  const focused = document.activeElement;
  // What the server has shown has no buttons for a script.
  for (const row of $$(":scope > li", list)) if (!$("[data-edit]", row)) row.remove();
  const rows = new Map($$(":scope > li", list).map((row) => [store.idOf(row.dataset.id), row]));
  tasks.forEach((task, at) => {
    const row = rows.get(task.id) ?? copied("row");
    rows.delete(task.id);
    fill(row, task, !isSorted());
    if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null);
  });
  // What somebody is typing stays, even if its task has gone.
  for (const row of rows.values()) if (!$(".editor", row)) row.remove();
  if (focused !== document.activeElement && focused.isConnected) focused.focus();
  const isFiltered = ["q", "completed", "priority"].some((name) => store.query.has(name));
  $("#empty").hidden = tasks.length > 0;
  $("#empty").textContent = isFiltered ? "Nothing matches." : "Nothing here yet. Add your first task above.";
  $("#more").hidden = !store.hasMore;
  showState();
}

function showPast(isPast) {
  $("#more").hidden = isPast || !store.hasMore;
  for (const form of [$("#add"), $("#filters")]) form.inert = isPast;
  for (const deed of ["undo", "redo"]) $(`#${deed}`).disabled = isPast;
  if (!isPast) {
    list.replaceChildren();
    show();
  }
}

let isAway = false;
let isLost = false;

function showState() {
  const kept = store.waiting === 1 ? "One change is" : `${store.waiting} changes are`;
  const tail = store.waiting > 0 ? `${kept} kept here and sent when it answers again.` : "What you do is kept here meanwhile.";
  const head = navigator.onLine ? "The server does not answer." : "You are offline, the server cannot be reached.";
  const state = $("#state");
  const text = isAway || isLost ? `${head} ${tail}` : "";
  if (state.textContent !== text) state.textContent = text;
  state.hidden = !text;
  $("#tasks").classList.toggle("is-away", Boolean(text));
}

function showCall({ method, path, status, ms, body, isKnown }) {
  const item = document.createElement("li");
  const button = element("button", "", `${method} ${path}`);
  button.type = "button";
  button.append(element("span", "status", ` ${status}, ${ms} ms`));
  button.addEventListener("click", () => copyCommand({ method, path, body, isKnown }));
  item.append(button);
  const calls = $("#call-list");
  calls.prepend(item);
  while (calls.children.length > MOST_CALLS) calls.lastElementChild.remove();
}

function copyCommand({ method, path, body, isKnown }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = ["curl -s", quoted(location.origin + path)];
  if (method !== "GET") parts.push(`-X ${method}`);
  if (isKnown) parts.push('-H "authorization: Bearer $TOKEN"');
  if (body !== undefined) parts.push("-H 'content-type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  const command = parts.join(" ");
  const copying = navigator.clipboard?.writeText(command) ?? Promise.reject();
  copying.then(() => toast("Copied as a command."), () => toast(command));
}

store.addEventListener("change", show);
store.addEventListener("away", ({ detail }) => {
  isAway = detail;
  showState();
});
for (const event of ["online", "offline"]) addEventListener(event, showState);
addEventListener("beforeunload", (event) => store.waiting > 0 && event.preventDefault());

// Doing.

/** What a change came to; `undo` takes it back. */
async function done(doing, text, undo) {
  try {
    const answer = await doing;
    toast(text, undo && { text: "Undo", run: () => undo(answer) });
    return answer;
  } catch (error) {
    if (error instanceof Refused) toast(told(error));
    return undefined;
  }
}

const told = ({ code, message }) =>
  ({ TASK_NOT_FOUND: "This task was deleted somewhere else.", VERSION_MISMATCH: "The list has changed since; nothing was undone." })[code] ?? `${message}.`;

const undo = ({ version }) => done(store.takeBack("undo", version), "Undone.");

function restore(id, version) {
  return done(store.restore(id, version), "Restored.", undo).then(() => past.isPast && past.leave());
}

function step(id, steps) {
  const to = placeAfter(store.tasks, id, steps);
  if (!to) return announce("It is at the end.");
  const { title } = store.find(id);
  store.move(id, to.place).catch((error) => toast(told(error)));
  announce(`${title}: place ${to.number} of ${store.tasks.length}`);
}

reorder(list, { step, move: (id, place) => done(store.move(id, place), "Moved.", undo) });

list.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-complete]")) return;
  event.preventDefault();
  const task = store.find(event.target.closest("li").dataset.id);
  if (!task) return;
  const completed = !task.completed;
  done(store.change(task.id, { completed }), `${completed ? "Completed" : "Opened again"}: ${task.title}`, undo);
});

list.addEventListener("click", ({ target }) => {
  const row = target.closest("li");
  const task = row && store.find(row.dataset.id);
  if (!task || past.isPast) return;
  if (target.closest("[data-delete]")) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    done(store.remove(task.id), `Deleted: ${task.title}`, () => restore(task.id));
    (next ? $("[data-edit]", next) : $("#title")).focus();
  } else if (target.closest("[data-edit]") && !$(".editor:not([hidden])", row)) {
    edit(row, task, {
      save: (fields) => store.change(task.id, fields),
      move: isSorted() ? undefined : (steps) => step(row.dataset.id, steps),
    });
  }
});

const add = $("#add");
add.noValidate = true;
add.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { title, priority, due } = add.elements;
  const fields = { title: title.value, priority: priority.value, due: due.value || null };
  settle(add);
  add.reset();
  title.value = "";
  title.focus();
  try {
    const { title } = await store.add(fields);
    if (store.hasMore) toast(`Added at the end: ${title}`);
    else announce(`Added: ${title}`);
  } catch (error) {
    if (!(error instanceof Refused)) return;
    // What was typed comes back, unless something else has been typed since.
    if (!title.value) title.value = fields.title;
    priority.value = fields.priority;
    due.value = fields.due ?? "";
    complain(add, error);
  }
});

for (const deed of ["undo", "redo"]) {
  $(`#${deed}`).addEventListener("click", () => takeBack(deed));
}

function takeBack(deed) {
  return done(store.takeBack(deed), deed === "undo" ? "Undone." : "Done again.");
}

addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input:not([type=range]), textarea, select");
  if (isTyping || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  takeBack(event.shiftKey ? "redo" : "undo");
});

// Finding.

const filters = $("#filters");

function ask() {
  const { q, completed, priority, sort } = filters.elements;
  const [by, order] = sort.value.split(".");
  const chosen = { q: q.value.trim(), completed: completed.value, priority: priority.value, sort: by, order };
  store.ask(new URLSearchParams(Object.entries(chosen).filter(([, value]) => value))).catch(() => {});
}

let pause;
filters.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(ask, TYPING_PAUSE);
});
filters.addEventListener("submit", (event) => event.preventDefault());
$("#more").addEventListener("click", () => store.more().catch(() => {}));

// Following.

function catchUp() {
  return Promise.all([store.read(), past.tell()]).catch(() => {});
}

follow(user, Number(version), {
  connected: () => {
    isLost = false;
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
catchUp().then(() => past.grow(store.server.version));
setInterval(() => localTimes($("#changes")), 60_000);
