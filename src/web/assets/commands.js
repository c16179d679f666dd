// Commands that change tasks: the request of each, and its effect on the tasks before the response arrives.

/**
 * Commands by kind, made from their arguments. `ids` has `of(id)`, the real id of a task that was created here, `there()`,
 * the tasks on the server, and `made(id, real)`, which is called with a new real id.
 */
export const commandsOf = (ids) => ({
  add: (id, fields) => add(ids, id, fields),
  change: (id, fields, base) => ({
    method: "PATCH",
    version: base?.version,
    path: () => `/${ids.of(id)}`,
    body: () => fields,
    apply: (tasks) => replaced(tasks, placeOf(tasks, id, ids.of(id)), (task) => [{ ...task, ...fields }]),
  }),
  remove: (id) => ({
    method: "DELETE",
    path: () => `/${ids.of(id)}`,
    apply: (tasks) => replaced(tasks, placeOf(tasks, id, ids.of(id)), () => []),
  }),
  move: (id, side, other) => ({
    method: "POST",
    path: () => `/${ids.of(id)}/move`,
    body: () => ({ [side]: ids.of(other) }),
    apply: (tasks) => moved(ids, tasks, id, side, other),
  }),
  restore: (id, version) => ({
    method: "POST",
    path: () => `/${ids.of(id)}/restore`,
    body: () => (version ? { version } : {}),
  }),
  takeBack: (deed, version) => ({
    method: "POST",
    path: () => `/${deed}`,
    headers: version ? { "if-match": `"${version}"` } : {},
  }),
});

/** Index of a task among others, by its id or by the real id it has got since. */
export const placeOf = (tasks, id, real) => tasks.findIndex((task) => task.id === id || task.id === real);

const replaced = (tasks, at, by) => (at < 0 ? tasks : tasks.toSpliced(at, 1, ...by(tasks[at])));

function add(ids, id, fields) {
  const there = new Set(ids.there().map((task) => task.id));
  let made = { id, description: null, completed: false, priority: "none", due: null, tags: [], ...fields };
  // The server may have it before its answer is here: then the list has a new task of this name.
  const isAlike = (task) => task.title === made.title.trim() && task.priority === made.priority && task.due === made.due;
  const isIt = (task) => task.id === made.id || (!there.has(task.id) && isAlike(task));
  return {
    method: "POST",
    path: () => "",
    body: () => fields,
    apply: (tasks) => (tasks.some(isIt) ? tasks : [...tasks, made]),
    answer: (body) => {
      ids.made(id, body.id);
      made = body;
    },
  };
}

function moved(ids, tasks, id, side, other) {
  const at = placeOf(tasks, id, ids.of(id));
  const rest = replaced(tasks, at, () => []);
  const to = placeOf(rest, other, ids.of(other));
  return at >= 0 && to >= 0 ? rest.toSpliced(to + (side === "after" ? 1 : 0), 0, tasks[at]) : tasks;
}
