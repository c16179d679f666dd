// Reordering: by dragging a handle, and with the arrow keys on it.
import { $, $$, firstPast } from "./page.js";

/** Distance from the edge of the window at which a drag scrolls, and length of one scroll step, in pixels. */
const EDGE = 60;
const STEP = 12;

/**
 * Lets the rows of a list be moved: `move(id, side, other)` right before or after another one, `step(id, steps)` by places.
 * `dropped()` hears that a row is not dragged any more.
 */
export function reorder(list, { move, step, dropped }) {
  list.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const handle = event.target.closest("[data-handle]");
    if (!handle || !steps) return;
    event.preventDefault();
    step(handle.closest("li").dataset.id, steps);
  });
  list.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-handle]");
    if (handle && event.button === 0) drag(list, handle, event, { move, dropped });
  });
}

function drag(list, handle, { pointerId, clientY }, { move, dropped }) {
  const row = handle.closest("li");
  const began = clientY + scrollY;
  let target;
  handle.setPointerCapture(pointerId);

  function show(event) {
    row.classList.add("is-dragged");
    row.style.translate = `0 ${event.clientY + scrollY - began}px`;
    if (event.clientY < EDGE) scrollBy(0, -STEP);
    if (event.clientY > innerHeight - EDGE) scrollBy(0, STEP);
    clear();
    target = below(list, row, event.clientY);
    if (target) target.row.dataset.drop = target.side;
  }

  function clear() {
    for (const marked of $$("[data-drop]", list)) delete marked.dataset.drop;
  }

  function end(isDone) {
    if (stop.signal.aborted) return;
    stop.abort();
    clear();
    row.classList.remove("is-dragged");
    row.style.translate = "";
    if (isDone && target) move(row.dataset.id, target.side, target.row.dataset.id);
    else dropped();
  }

  const stop = new AbortController();
  const until = { signal: stop.signal };
  handle.addEventListener("pointermove", show, until);
  handle.addEventListener("pointerup", () => end(true), until);
  for (const lost of ["pointercancel", "lostpointercapture"]) handle.addEventListener(lost, () => end(false), until);
  addEventListener("keydown", (event) => event.key === "Escape" && end(false), until);
}

/** The row beside which a height is, and on which side of it; none where the row is anyway. */
function below(list, row, y) {
  const rows = $$("li", list);
  const others = rows.filter((other) => other !== row);
  const isBelow = (other) => y < other.getBoundingClientRect().top + other.offsetHeight / 2;
  const place = firstPast(others, isBelow);
  const next = others[place];
  if (place === rows.indexOf(row) || others.length === 0) return undefined;
  return next ? { row: next, side: "before" } : { row: others.at(-1), side: "after" };
}

/** The place of a task that is moved by some places among others; none beyond the ends. */
export function placeAfter(tasks, id, steps) {
  const at = tasks.findIndex((task) => task.id === id);
  const other = tasks[at + steps];
  return at >= 0 && other && { side: steps < 0 ? "before" : "after", other: other.id, number: at + steps + 1 };
}
