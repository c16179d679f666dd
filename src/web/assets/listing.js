// The loaded part of the list, and the effect of a change on it.
//
// A listing begins at the start of the list, in the order of the query, and ends at its last page. A change is applied
// without a request to the server, if the change has enough information.
import { firstPast } from "./page.js";
import { numberOf } from "./api.js";

const PRIORITIES = ["none", "low", "medium", "high"];

/** Fields searched by each text filter. Only the server decides if a text matches. */
const SEARCHED = { q: ["title", "description"], tag: ["tags"] };

/** Sort keys. The order of ids decides between equals. */
const RANKS = {
  position: ({ position }) => position,
  created: () => "",
  updated: ({ updatedAt }) => updatedAt,
  due: ({ due }) => Date.parse(due.replace(/\[.*/, "")),
  priority: ({ priority }) => PRIORITIES.indexOf(priority),
};

const order = (one, other) => (one < other ? -1 : Number(one > other));

/** Compares tasks as a query sorts them: those that are not due come last either way. */
function comparing(query) {
  const [sort, sign] = [query.get("sort"), query.get("order") === "desc" ? -1 : 1];
  const rank = RANKS[sort];
  return (one, other) => {
    const last = sort === "due" ? Number(!one.due) - Number(!other.due) : 0;
    if (last !== 0) return last;
    const isRanked = sort !== "due" || one.due;
    return sign * ((isRanked && order(rank(one), rank(other))) || order(one.id, other.id));
  };
}

/** A listing of the answers to a query, page after page. Tasks that were there already stay the same objects. */
export function listingOf(query, answers, before = []) {
  const known = new Map(before.map((task) => [task.id, task]));
  const same = (task) => (known.get(task.id)?.version === task.version ? known.get(task.id) : task);
  // A task that was moved between two pages is on both: the later page knows better.
  const tasks = new Map();
  for (const task of answers.flatMap(({ tasks }) => tasks)) {
    tasks.delete(task.id);
    tasks.set(task.id, same(task));
  }
  const last = answers.at(-1);
  return {
    query,
    tasks: [...tasks.values()],
    version: answers[0].version,
    ...tallyOf(last),
    next: last.nextCursor,
    edge: last.tasks.at(-1),
  };
}

/** Numbers of matching tasks, and the version they are from. */
const tallyOf = ({ counts, version }) => ({ counts, countedAt: version });

/** The listing with its next page. */
export function withPage(listing, answer) {
  const there = new Set(listing.tasks.map(({ id }) => id));
  const more = answer.tasks.filter(({ id }) => !there.has(id));
  const edge = answer.tasks.at(-1) ?? listing.edge;
  return { ...listing, tasks: listing.tasks.concat(more), ...tallyOf(answer), next: answer.nextCursor, edge };
}

/**
 * The listing after a change, which is the next one of the list; `whole` is the changed task, where it is known from elsewhere.
 * Nothing if the change does not say enough.
 */
export function after(listing, change, whole) {
  const number = numberOf(change.version);
  if (number <= numberOf(listing.version)) return listing;
  if (number > numberOf(listing.version) + 1) return undefined;
  const at = listing.tasks.findIndex(({ id }) => id === change.taskId);
  // An imported task has its own time of last change, which is not in the event.
  if (listing.query.get("sort") === "updated" && change.type === "created" && !whole) return undefined;
  const [was, is] = statesOf(change, listing.tasks[at] ?? whole);
  if (!isDecided(listing.query, change, at >= 0) || (is && needsWhole(listing.query, change, is))) return undefined;
  const rest = at < 0 ? listing.tasks : listing.tasks.toSpliced(at, 1);
  const isShown = is?.id && matches(listing.query, is) && isWithin(listing, is);
  const compare = comparing(listing.query);
  const tasks = isShown ? rest.toSpliced(firstPast(rest, (other) => compare(other, is) >= 0), 0, is) : rest;
  const counted = number > numberOf(listing.countedAt) ? recounted(listing, was, is) : {};
  return { ...listing, ...counted, tasks, version: change.version };
}

/** The task before and after a change: nothing where it is not there, its changed fields where no more is known. */
function statesOf({ type, taskId, before, after, at, version }, known) {
  const was = type === "changed" ? { ...known, ...before } : before;
  if (type === "deleted") return [was, undefined];
  const stamps = { updatedAt: at, version };
  if (type === "changed") return [was, { ...known, ...after, ...stamps }];
  return [undefined, { createdAt: at, ...after, id: taskId, ...stamps, updatedAt: known?.updatedAt ?? at }];
}

/**
 * True if the page itself can decide that a task matches the texts of a query: it is in the listing and its texts did not
 * change.
 */
function isDecided(query, { type, after, before }, isThere) {
  const changed = type === "deleted" ? {} : { ...before, ...after };
  const asked = Object.keys(SEARCHED).filter((filter) => query.has(filter));
  return asked.every((filter) => isThere && !SEARCHED[filter].some((field) => field in changed));
}

/**
 * True if the changed fields are not enough and the whole task is needed: it may move into the listing, or into the counts.
 */
function needsWhole(query, { after }, is) {
  if (is.id) return false;
  const sort = query.get("sort");
  const isMoved = sort === "updated" || sort in after;
  const isLetIn = "completed" in after && (query.has("completed") || query.has("priority"));
  return isMoved || isLetIn || ("priority" in after && query.has("priority"));
}

const matches = (query, task) => isCounted(query, task) && (!query.has("completed") || String(task.completed) === query.get("completed"));

/** True for a task that is counted, done or not. */
const isCounted = (query, { priority }) => !query.has("priority") || query.getAll("priority").includes(priority);

/** True for a task before the end of the loaded part. */
const isWithin = ({ query, next, edge }, task) => next === null || !edge || comparing(query)(task, edge) <= 0;

function recounted({ query, counts }, was, is) {
  const one = (task, isDone) => Number(Boolean(task) && task.completed === isDone && isCounted(query, task));
  const now = (count, isDone) => count + one(is, isDone) - one(was, isDone);
  const [open, completed] = [now(counts.open, false), now(counts.completed, true)];
  return { counts: { open, completed } };
}
