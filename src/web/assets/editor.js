// The form that changes a task in place.
//
// Only the fields that somebody has touched are sent, and only if nobody has changed the same ones since the form was opened: otherwise
// theirs and one's own are shown side by side.
import { $, $$, copied, element } from "./page.js";
import { complain, settle, settleAsTyped, typed } from "./forms.js";
import { joined, split } from "./tags.js";

/** What the text of a field means. */
const MEANT = {
  title: (text) => text.trim(),
  description: (text) => text || null,
  priority: (text) => text,
  due: (text) => text.trim() || null,
  tags: split,
};

/** The texts of a task's fields. */
const texts = ({ title, description, priority, due, tags }) => ({
  title, description: description ?? "", priority, due: due ?? "", tags: joined(tags),
});

const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

let numbers = 0;

export class Editor {
  #page;
  #row;
  #button;
  #form = copied("editor");
  /** The task that the form was filled with. */
  #base;
  /** The texts that it was filled with, as the browser has them. */
  #filled;

  /**
   * Opens the form in a row. `page` has `save(fields, version)`, which resolves when the server has it, `closed()`, which hears that
   * nothing is typed any more, `drafts`, `say(text)` and, where tasks can be moved, `move(steps)`.
   */
  constructor(row, task, page) {
    [this.#row, this.#page, this.#button] = [row, page, $("[data-edit]", row)];
    this.#label();
    this.#fill(task, {});
    const draft = page.drafts.of(task.id);
    if (draft) this.#fillIn(draft);
    $("[data-draft]", this.#form).hidden = !draft;
    this.#listen();
    row.append(this.#form);
    this.#button.setAttribute("aria-expanded", "true");
    this.#form.elements.title.focus();
  }

  #label() {
    for (const field of $$(".field", this.#form)) {
      const [label, input, problem] = ["label", "[name]", ".problem"].map((part) => $(part, field));
      input.id = `edit-${++numbers}`;
      problem.id = `${input.id}-problem`;
      label.htmlFor = input.id;
      input.setAttribute("aria-describedby", problem.id);
    }
    this.#form.noValidate = true;
  }

  #listen() {
    const { move } = this.#page;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    settleAsTyped(this.#form);
    this.#form.addEventListener("input", () => this.#page.drafts.keep(this.#base.id, this.#touched()));
    this.#form.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && this.#leave());
    $("[data-cancel]", this.#form).addEventListener("click", () => this.#discard());
    for (const step of $$("[data-move]", this.#form)) {
      step.hidden = !move;
      step.addEventListener("click", () => move(Number(step.dataset.move)));
    }
  }

  /** Fills the fields with a task, except those that are `kept`. */
  #fill(task, kept) {
    this.#base = task;
    const { due } = this.#form.elements;
    // A moment with its zone is more than a day.
    if (task.due && task.due.length !== 10) due.type = "text";
    this.#fillIn(texts(task));
    this.#filled = typed(this.#form);
    this.#fillIn(kept);
  }

  #fillIn(fields) {
    for (const [name, text] of Object.entries(fields)) {
      if (name === "due" && text.length > 10) this.#form.elements.due.type = "text";
      this.#form.elements[name].value = text;
    }
  }

  /** The texts that are not as they were filled in. */
  #touched() {
    return Object.fromEntries(Object.entries(typed(this.#form)).filter(([name, text]) => text !== this.#filled[name]));
  }

  get isTouched() {
    return this.#form.isConnected && Object.keys(this.#touched()).length > 0;
  }

  /** Goes away and keeps what was typed. */
  #leave() {
    if (this.isTouched) this.#page.say("Not saved. What you typed is kept as a draft of this task.");
    this.#close();
  }

  #discard() {
    this.#page.drafts.drop(this.#base.id);
    this.#close();
  }

  #close() {
    this.#form.remove();
    this.#button.setAttribute("aria-expanded", "false");
    this.#button.focus();
    this.#page.closed();
  }

  async #submit() {
    settle(this.#form);
    $("[data-conflict]", this.#form).hidden = true;
    const touched = this.#touched();
    if (Object.keys(touched).length === 0) return this.#discard();
    const fields = Object.fromEntries(Object.entries(touched).map(([name, text]) => [name, MEANT[name](text)]));
    this.#hide(true);
    try {
      await this.#page.save(fields, this.#base.version);
      this.#page.drafts.drop(this.#base.id);
      this.#form.remove();
      this.#page.closed();
    } catch (error) {
      this.#hide(false);
      if (error.code === "VERSION_MISMATCH" && error.current) this.#merge(error.current, touched);
      else complain(this.#form, error);
    }
  }

  #hide(isHidden) {
    const wasHere = this.#form.contains(document.activeElement);
    this.#form.hidden = isHidden;
    this.#button.setAttribute("aria-expanded", String(!isHidden));
    if (wasHere) this.#button.focus();
  }

  /** Somebody has changed the task: goes on if that was something else, and asks if it was the same. */
  #merge(theirs, touched) {
    const both = Object.keys(touched).filter((name) => !isSame(theirs[name], this.#base[name]));
    this.#fill(theirs, touched);
    const own = this.#touched();
    const asked = both.filter((name) => name in own);
    if (asked.length === 0) return this.#submit();
    this.#ask(theirs, own, asked);
  }

  /** Shows theirs and one's own side by side. */
  #ask(theirs, own, names) {
    const place = $("[data-conflict]", this.#form);
    const rows = names.map((name) => {
      const row = document.createElement("tr");
      const head = element("th", "", $("label", this.#form.elements[name].closest(".field")).textContent.replace(/,.*/, ""));
      head.scope = "row";
      row.append(head, element("td", "", own[name] || "—"), element("td", "", texts(theirs)[name] || "—"));
      return row;
    });
    $("tbody", place).replaceChildren(...rows);
    place.hidden = false;
    const choose = (selector, deed) => {
      $(selector, place).onclick = () => {
        place.hidden = true;
        deed();
      };
    };
    choose("[data-mine]", () => this.#submit());
    choose("[data-theirs]", () => {
      this.#fill(theirs, Object.fromEntries(Object.entries(own).filter(([name]) => !names.includes(name))));
      this.#page.drafts.keep(theirs.id, this.#touched());
      this.#form.elements.title.focus();
    });
    $("[data-mine]", place).focus();
  }
}
