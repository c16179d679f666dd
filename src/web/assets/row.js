// One task on the page, and the form that changes it in place.
import { $, $$, copied, dueDay, element } from "./page.js";
import { complain, settle, typed } from "./forms.js";

let numbers = 0;

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
  return made.concat(tags.map((tag) => element("span", "badge tag", tag)));
}

/**
 * Opens the form in a row. `save(fields)` resolves when the server has it; `move(steps)` moves the task; `closed()` hears that
 * nothing is typed any more.
 */
export function edit(row, task, { save, move, closed }) {
  const form = copied("editor");
  for (const field of $$(".field", form)) {
    const [label, input, problem] = ["label", "[name]", ".problem"].map((part) => $(part, field));
    input.id = `edit-${++numbers}`;
    problem.id = `${input.id}-problem`;
    label.htmlFor = input.id;
    input.setAttribute("aria-describedby", problem.id);
  }
  const { title, description, priority, due, tags } = form.elements;
  // A moment with its zone is more than a day.
  if (task.due?.length > 10) due.type = "text";
  title.value = task.title;
  description.value = task.description ?? "";
  priority.value = task.priority;
  due.value = task.due ?? "";
  tags.value = task.tags.join(", ");
  form.noValidate = true;
  const button = $("[data-edit]", row);
  const close = () => {
    form.remove();
    button.setAttribute("aria-expanded", "false");
    button.focus();
    closed();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    settle(form);
    const fields = changed(task, read(form));
    if (Object.keys(fields).length === 0) return close();
    const wasHere = form.contains(document.activeElement);
    form.hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (wasHere) button.focus();
    try {
      await save(fields);
      form.remove();
      closed();
    } catch (error) {
      form.hidden = false;
      button.setAttribute("aria-expanded", "true");
      complain(form, error);
    }
  });
  form.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && close());
  $("[data-cancel]", form).addEventListener("click", close);
  for (const step of $$("[data-move]", form)) {
    step.hidden = !move;
    step.addEventListener("click", () => move(Number(step.dataset.move)));
  }
  row.append(form);
  button.setAttribute("aria-expanded", "true");
  title.focus();
}

/** The fields of a task as they are typed; what is empty is nothing. */
function read(form) {
  const { title, description, priority, due, tags } = typed(form);
  const list = tags.split(",").map((tag) => tag.trim()).filter(Boolean);
  return { title: title.trim(), description: description.trim() || null, priority, due: due.trim() || null, tags: list };
}

function changed(task, fields) {
  const isOther = ([name, value]) => JSON.stringify(task[name]) !== JSON.stringify(value);
  return Object.fromEntries(Object.entries(fields).filter(isOther));
}
