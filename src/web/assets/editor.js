// Form that edits a task in place.
//
// Only the fields touched by the user are sent, and only if no other change to these fields has arrived since the form was
// opened: otherwise both values are shown side by side.
import { $, $$, copied, element, isSame } from "./page.js";
import { dueOf, fieldsOf } from "./due.js";
import { complain, settle, settleAsTyped, typed } from "./forms.js";
import { joined, split } from "./tags.js";

/** Fields of a task: the inputs of each, and conversions between their texts and the value. */
const FIELDS = {
  title: { inputs: ["title"], meant: ({ title }) => title.trim() },
  description: { inputs: ["description"], meant: ({ description }) => description || null },
  priority: { inputs: ["priority"], meant: ({ priority }) => priority },
  due: { inputs: ["due", "time", "zone"], meant: dueOf },
  tags: { inputs: ["tags"], meant: ({ tags }) => split(tags) },
};

/** The texts of a task's inputs. */
const texts = ({ title, description, priority, due, tags }) => ({
  title, description: description ?? "", priority, ...fieldsOf(due), tags: joined(tags),
});

/** Value of a field as one text. */
const shown = (name, task) => (name === "due" ? task.due : texts(task)[name]) || "—";

/** Time zones known to the browser, to choose from. */
function offerZones(list) {
  if (list.children.length > 0) return;
  const zones = ["UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [])];
  list.append(...zones.map((zone) => Object.assign(document.createElement("option"), { value: zone })));
}

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
   * Opens the form in a row. `page` has `save(fields, base)`, which resolves when the server has it, `idOf(id)`, `closed()`,
   * which hears that nothing is typed any more, `drafts`, `say(text)` and, where tasks can be moved, `move(steps)`.
   */
  constructor(row, task, page) {
    [this.#row, this.#page, this.#button] = [row, page, $("[data-edit]", row)];
    this.#label();
    offerZones($("#zones"));
    const draft = page.drafts.of(task.id);
    this.#fill(task, draft?.texts ?? {});
    // A draft is based on the task as it was then, so that a change made since is not overwritten.
    this.#base = draft?.base ?? task;
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
    this.#form.addEventListener("input", () => this.#keepDraft());
    this.#form.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && this.#leave());
    $("[data-cancel]", this.#form).addEventListener("click", () => this.#discard());
    for (const step of $$("[data-move]", this.#form)) {
      step.hidden = !move;
      step.addEventListener("click", () => move(Number(step.dataset.move)));
    }
  }

  /** Fills the inputs with a task, except those that are `kept`. */
  #fill(task, kept) {
    this.#base = task;
    this.#fillIn({ time: "", zone: "", ...texts(task) });
    this.#filled = typed(this.#form);
    this.#fillIn(kept);
  }

  #fillIn(fields) {
    const { due, time, zone } = this.#form.elements;
    for (const [name, text] of Object.entries(fields)) {
      // A text that is not a date is shown unchanged.
      if (name === "due") due.type = text.length > 10 ? "text" : "date";
      this.#form.elements[name].value = text;
    }
    for (const part of [time, zone]) part.closest(".field").hidden = due.type === "text";
  }

  /** The texts that are not as they were filled in. */
  #touched() {
    return Object.fromEntries(Object.entries(typed(this.#form)).filter(([name, text]) => text !== this.#filled[name]));
  }

  get isTouched() {
    return this.#form.isConnected && Object.keys(this.#touched()).length > 0;
  }

  /** The fields that were changed, as the API has them. */
  #changed() {
    const [all, touched] = [typed(this.#form), this.#touched()];
    const isTouched = ([, { inputs }]) => inputs.some((input) => input in touched);
    const meant = Object.entries(FIELDS).filter(isTouched).map(([name, { meant }]) => [name, meant(all)]);
    return Object.fromEntries(meant.filter(([name, value]) => name !== "due" || value !== this.#base.due));
  }

  /** Under the id that the task has by now. */
  get #id() {
    return this.#page.idOf(this.#base.id);
  }

  #keepDraft() {
    this.#page.drafts.keep(this.#id, this.#touched(), this.#base);
  }

  /** Closes the form and keeps the draft. */
  #leave() {
    if (this.isTouched) this.#page.say("Not saved. What you typed is kept as a draft of this task.");
    this.#close();
  }

  #discard() {
    this.#page.drafts.drop(this.#id);
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
    try {
      const fields = this.#changed();
      if (Object.keys(fields).length === 0) return this.#discard();
      await this.#save(fields);
    } catch (error) {
      complain(this.#form, error.field ? { status: 400, details: [error] } : error);
    }
  }

  async #save(fields) {
    this.#hide(true);
    try {
      await this.#page.save(fields, this.#base);
    } catch (error) {
      this.#hide(false);
      if (error.code === "VERSION_MISMATCH" && error.current) return this.#merge(error.current, fields);
      throw error;
    }
    this.#page.drafts.drop(this.#id);
    this.#form.remove();
    this.#page.closed();
  }

  #hide(isHidden) {
    const wasHere = this.#form.contains(document.activeElement);
    this.#form.hidden = isHidden;
    this.#button.setAttribute("aria-expanded", String(!isHidden));
    if (wasHere) this.#button.focus();
  }

  /** Merges a concurrent change of the task: continues if it touched other fields, and asks if it touched the same ones. */
  #merge(theirs, mine) {
    const both = Object.keys(mine).filter((name) => !isSame(theirs[name], this.#base[name]));
    this.#fill(theirs, this.#touched());
    const asked = both.filter((name) => !isSame(mine[name], theirs[name]));
    if (asked.length === 0) return this.#submit();
    this.#ask(theirs, { ...theirs, ...mine }, asked);
  }

  /** Shows the user's values and the concurrent ones side by side. */
  #ask(theirs, mine, names) {
    const place = $("[data-conflict]", this.#form);
    const rows = names.map((name) => {
      const row = document.createElement("tr");
      const head = element("th", "", $("label", this.#form.elements[name].closest(".field")).textContent.replace(/,.*/, ""));
      head.scope = "row";
      row.append(head, element("td", "", shown(name, mine)), element("td", "", shown(name, theirs)));
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
    choose("[data-theirs]", () => this.#take(theirs, names));
    $("[data-mine]", place).focus();
  }

  /** Takes the concurrent values for the conflicting fields; other input stays. */
  #take(theirs, names) {
    const taken = names.flatMap((name) => FIELDS[name].inputs);
    const kept = Object.entries(this.#touched()).filter(([input]) => !taken.includes(input));
    this.#fill(theirs, Object.fromEntries(kept));
    this.#keepDraft();
    this.#form.elements.title.focus();
  }
}
