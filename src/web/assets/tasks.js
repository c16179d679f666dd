// The list of tasks: commands on it, and its display.
import { $, $$, announce, isSame, localTimes, number, toast } from "./page.js";
import { ownSession, SignedOut } from "./api.js";
import { showCalls } from "./calls.js";
import { Drafts } from "./drafts.js";
import { Editor } from "./editor.js";
import { complain, settle, settleAsTyped } from "./forms.js";
import { History, toldOf } from "./history.js";
import { Filters } from "./filters.js";
import { follow } from "./live.js";
import { placeAfter, reorder } from "./order.js";
import { sayWhenOver, untilOver } from "./over.js";
import { Past } from "./past.js";
import { Rows } from "./rows.js";
import { Store } from "./store.js";

const { user, version } = $("#tasks").dataset;
const list = $("#list");
const store = new Store(user);
const filters = new Filters(ask);
const rows = new Rows(list, (id) => store.idOf(id));
const drafts = new Drafts(user);
/** The forms that are open. */
let editors = [];
const past = new Past({ store, version, restore, filters, showCounts, show: showNow });
const history = new History({ store, restore, visit: (moment) => past.visit(moment) });

sayWhenOver(() => (store.waiting > 0 ? `${counted(store.waiting)} will be sent when you sign in again here.` : ""));
showCalls();
for (const part of $$("[data-script]")) part.hidden = false;
for (const part of $$("[data-plain]")) part.remove();

// Seeing.

const isDragging = () => Boolean($(".is-dragged", list));
const counted = (changes) => (changes === 1 ? "One change" : `${number(changes)} changes`);

function show() {
  showState();
  if (!store.isRead) return;
  if (past.isShown) return;
  showCounts(store.counts);
  if (isDragging()) return;
  rows.show(store.tasks, !filters.isSorted);
  $("#empty").hidden = Boolean($("li", list));
  $("#empty").textContent = filters.isFiltered ? "Nothing matches." : "Nothing here yet. Add your first task above.";
  more.hidden = !store.hasMore;
  watchEnd();
}

function showCounts({ open, completed }) {
  $("#count-open").textContent = number(open);
  $("#count-completed").textContent = number(completed);
}

/** The list as it is now, in the place of what it was. */
function showNow() {
  rows.clear();
  show();
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
store.addEventListener("made", ({ detail }) => drafts.rename(detail.id, detail.real));
for (const event of ["online", "offline"]) addEventListener(event, showState, untilOver);
addEventListener("beforeunload", (event) => {
  if (store.waiting > 0 || editors.some((editor) => editor.isTouched)) event.preventDefault();
}, untilOver);
const clock = setInterval(() => {
  localTimes($("#changes"));
  // Tasks due tomorrow become due today.
  if (!past.isShown) rows.followClock();
}, 60_000);
untilOver.signal.addEventListener("abort", () => clearInterval(clock));

// Doing.

/** Shows the result of a command; resolves to true if it succeeded. `undo` reverts it. */
async function done(doing, text, undo = undoLast) {
  try {
    const answer = await doing;
    if (undo && answer?.isNews === false) toast("It is like that already.");
    else toast(text, undo && { text: "Undo", run: () => undo(answer) });
    return true;
  } catch (error) {
    if (!(error instanceof SignedOut)) toast(`${error.message}.`);
    return false;
  }
}

/** Undoes the last command of this page. */
function undoLast(answer) {
  const check = async () => {
    if (!(await isOwnChange(answer).catch(() => true))) throw new Error("Another device had done that before: nothing was undone");
  };
  done(store.takeBack("undo", answer.version, check), "Undone.", null);
}

async function restore(id, version) {
  const doing = store.restore(id, version);
  const isOwn = await doing.then(isOwnChange).catch(() => true);
  const isDone = await (isOwn ? done(doing, "Restored.") : done(doing, "It is like that already.", null));
  if (isDone && past.isShown) past.leave();
}

/** True if this page's command made the change, and not an earlier one of another device: then there is nothing to undo. */
async function isOwnChange({ id, version, isNews }) {
  if (!isNews) return false;
  const { changes: [last] } = await store.get(`/${id}/history?limit=1`);
  return last?.version !== version || last.sessionId === ownSession();
}

function move(id, side, other) {
  const { title } = store.find(id);
  return done(store.move(id, side, other), `Moved: ${title}`);
}

function step(id, steps) {
  const to = placeAfter(store.tasks, id, steps);
  if (!to) return announce("It is at the end.");
  announce(`${store.find(id).title}: place ${number(to.number)} of ${number(store.tasks.length)}`);
  move(id, to.side, to.other);
}

reorder(list, { step, move, dropped: show });

list.addEventListener("click", (event) => {
  const { target } = event;
  const tag = target.closest("a.tag");
  if (tag && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    filters.chooseTag(tag.textContent);
  }
  const row = target.closest("li");
  // The rows that came with the page have forms that do it themselves.
  const task = row && !past.isShown && store.find(row.dataset.id);
  if (!task) return;
  if (target.closest("[data-complete]")) complete(task);
  else if (target.closest("[data-delete]")) done(store.remove(task.id), `Deleted: ${task.title}`, () => restore(task.id));
  else if (target.closest("[data-edit]") && !$(".editor:not([hidden])", row)) edit(row, task);
});

function complete({ id, title, completed }) {
  done(store.change(id, { completed: !completed }), `${completed ? "Opened again" : "Completed"}: ${title}`);
}

function edit(row, task) {
  const editor = new Editor(row, task, {
    idOf: (id) => store.idOf(id),
    save: async (fields, base) => {
      const answer = await store.change(task.id, fields, base);
      toast(`Saved: ${answer.title}`, { text: "Undo", run: () => undoLast(answer) });
    },
    closed: show,
    say: toast,
    drafts,
    move: filters.isSorted ? undefined : (steps) => step(row.dataset.id, steps),
  });
  editors = [...editors.filter((open) => open.isTouched), editor];
}

const add = $("#add");
const NEW = "new";
add.noValidate = true;
settleAsTyped(add);
for (const [name, text] of Object.entries(drafts.of(NEW)?.texts ?? {})) add.elements[name].value ||= text;
add.addEventListener("input", () => drafts.keep(NEW, add.elements.title.value ? { title: add.elements.title.value } : {}));
add.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { title, priority, due } = add.elements;
  const fields = { title: title.value, priority: priority.value, due: due.value || null };
  settle(add);
  if (!fields.title.trim()) return complain(add, { status: 400, details: [{ field: "title", message: "must not be empty" }] });
  drafts.drop(NEW);
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

/** Puts a rejected task back into the form, unless the form has other input: then a message names the task. */
function takeBackInto({ title, priority, due }, fields, error) {
  if (title.value) return toast(`Not added: ${fields.title}. ${error.message}.`);
  title.value = fields.title;
  priority.value = fields.priority;
  due.value = fields.due ?? "";
  complain(add, error);
}

/** Undoes or redoes the last change of any device, and describes it. */
async function takeBack(deed) {
  const doing = store.takeBack(deed);
  const read = () => store.get("/history?limit=100").then(({ changes }) => toldOf(deed, changes, ownSession()));
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

function ask() {
  if (past.isShown) past.lookAgain();
  store.ask(filters.query).catch((error) => error instanceof SignedOut || toast(`${error.message}.`));
}

// The next page is read before its end comes into view; the button is for a user who is faster.
const more = $("#more");
const readMore = () => store.more().catch(() => {});
const nearEnd = new IntersectionObserver((seen) => seen.at(-1).isIntersecting && readMore(), { rootMargin: "100% 0px" });
more.addEventListener("click", readMore);
/** Looks again whether the end of the list is near. */
function watchEnd() {
  nearEnd.unobserve(more);
  if (!more.hidden) nearEnd.observe(more);
}

// Following.

function catchUp() {
  store.check().then(() => past.reach(store.server.version), () => {});
  history.tell().catch(() => {});
}

follow(user, version, {
  connected: () => {
    isLost = false;
    showState();
    catchUp();
    resume();
  },
  lost: () => {
    isLost = true;
    showState();
  },
  change: (change) => {
    past.grow(change.version);
    history.hear(change, store.find(change.taskId));
    store.hear(change);
  },
});

/** Message for a failed command of another tab. A condition that failed by a change of other fields only is retried. */
async function sentLater({ kind, args, done }) {
  const [id, fields, base] = args;
  const isFree = ({ current }) => kind === "change" && current && Object.keys(fields).every((name) => isSame(current[name], base[name]));
  try {
    await done.catch((error) => (isFree(error) ? store.change(id, fields, error.current) : Promise.reject(error)));
    if (kind === "change" && base) drafts.drop(store.idOf(id));
    return "";
  } catch (error) {
    if (error instanceof SignedOut) return "";
    const title = error.current?.title ?? store.find(id)?.title ?? fields?.title;
    return title ? `“${title}” (${error.message})` : error.message;
  }
}

/** Sends what tabs that are gone have left. */
async function resume() {
  const left = await store.resume();
  if (left.length === 0) return;
  const failures = (await Promise.all(left.map(sentLater))).filter(Boolean);
  toast(failures.length > 0 ? `Not done: ${failures.join("; ")}.` : "Sent.");
}

resume();
ask();
catchUp();
