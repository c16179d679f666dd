// One task on the page.
import { $, dueDay, element } from "./page.js";

/** Shows what a task is in its row. `isMovable` says whether it has a handle. */
export function fill(row, task, isMovable) {
  row.dataset.id = task.id;
  row.dataset.priority = task.priority;
  row.toggleAttribute("data-completed", task.completed);
  row.toggleAttribute("data-waiting", task.id.startsWith("new-"));
  $("[data-handle]", row).hidden = !isMovable;
  $("[data-complete] button", row).setAttribute("aria-pressed", task.completed);
  say(row, "move", `Move ${task.title}: arrow up or down`);
  say(row, "complete", `Complete: ${task.title}`);
  say(row, "delete", `Delete ${task.title}`);
  fillWords(row, task);
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
    const { text, kind } = dueDay(due);
    made.push(element("span", `badge ${completed ? "" : kind}`, text));
  }
  return made.concat(tags.map((tag) => Object.assign(element("span", "badge tag", tag), { dir: "auto" })));
}
