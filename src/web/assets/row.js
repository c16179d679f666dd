// One task on the page.
import { dueDay } from "./due.js";
import { $, element } from "./page.js";

/** Shows a task in its row. `isMovable` adds a handle. */
export function fill(row, task, isMovable) {
  row.dataset.id = task.id;
  row.dataset.priority = task.priority;
  row.toggleAttribute("data-completed", task.completed);
  row.toggleAttribute("data-waiting", task.id.startsWith("new-"));
  $("[data-handle]", row).hidden = !isMovable;
  $("[data-complete]", row).setAttribute("aria-pressed", task.completed);
  say(row, "move", `Move ${task.title}: arrow up or down`);
  say(row, "complete", `Complete: ${task.title}`);
  say(row, "delete", `Delete ${task.title}`);
  fillWords(row, task);
}

/** Updates the due date relative to the current time. */
export function followClock(row, task) {
  const { className, text } = dueBadge(task);
  const shown = $("[data-due]", row);
  if (shown.textContent !== text) shown.textContent = text;
  if (shown.className !== className) shown.className = className;
}

/** The part that is read. */
export function fillWords(row, task) {
  say(row, "title", task.title);
  say(row, "description", task.description ?? "");
  $("[data-badges]", row).replaceChildren(...badges(task));
}

function say(row, name, text) {
  const place = $(`[data-text="${name}"]`, row);
  if (place.textContent !== text) place.textContent = text;
}

function badges({ priority, due, tags, completed }) {
  const made = [];
  if (priority !== "none") made.push(element("span", `badge ${priority}`, priority));
  if (due) {
    const { className, text } = dueBadge({ due, completed });
    const badge = element("span", className, text);
    badge.dataset.due = due;
    made.push(badge);
  }
  return made.concat(tags.map(tagLink));
}

function dueBadge({ due, completed }) {
  const { text, kind } = dueDay(due);
  return { className: `badge ${completed ? "" : kind}`.trim(), text };
}

/** Leads to the tasks with a tag. */
function tagLink(tag) {
  const link = element("a", "badge tag", tag);
  return Object.assign(link, { dir: "auto", href: `${location.pathname}?${new URLSearchParams({ tag })}` });
}
