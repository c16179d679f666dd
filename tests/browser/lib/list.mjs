// The list of tasks on its page, as people see and use it.

import { eventually } from "./eventually.mjs";

/** The day so many days from today, as a date field holds it. The people of these tests are where UTC is. */
export const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

export class List {
  constructor(page) {
    this.page = page;
    this.items = page.getByRole("list", { name: "Tasks" }).getByRole("listitem");
  }

  /** The item of a task. */
  item(title) {
    return this.items.filter({ has: this.page.getByText(title, { exact: true }) });
  }

  /** A button of a task: `Complete:`, `Delete`, `Restore:` … */
  button(deed, title) {
    return this.items.getByRole("button", { name: `${deed} ${title}`, exact: true });
  }

  /** The handle that moves a task. */
  handle(title) {
    return this.button("Move", `${title}: arrow up or down`);
  }

  /** Every task in a line, as it is read: whether it is done, its title, its description and what else is known of it. */
  lines() {
    return this.items.evaluateAll((items) =>
      items.map((item) => {
        const text = (selector) => [...item.querySelectorAll(selector)].map((part) => part.textContent).filter(Boolean);
        const done = item.querySelector("[aria-pressed=true]") ? ["done"] : [];
        return [...text(".title"), ...text(".description"), ...text(".badge"), ...done].join(" | ");
      }),
    );
  }

  /** Waits until exactly these tasks are there. */
  shows(...lines) {
    return eventually(() => this.lines(), lines);
  }

  /** Adds a task by the form, with the `Enter` key; more than its title are `{ priority, due }`. */
  async add(title, { priority, due } = {}) {
    const field = this.page.getByLabel("New task");
    const form = this.page.locator("form").filter({ has: field });
    await field.fill(title);
    if (priority) await form.getByLabel("Priority").selectOption(priority);
    if (due) await form.getByLabel("Due").fill(due);
    await field.press("Enter");
  }

  /** Opens the form of a task. Returns it. */
  async edit(title) {
    const item = this.item(title);
    await item.getByRole("button", { name: title }).and(this.page.locator("[aria-expanded]")).click();
    return item.locator("form").filter({ has: this.page.getByRole("button", { name: "Save" }) });
  }

  /** Changes a task by its form: `{ Title, Description, Priority, Due, Tags }`. */
  async change(title, fields) {
    const form = await this.edit(title);
    for (const [label, value] of Object.entries(fields)) {
      const field = form.getByLabel(label);
      if (label === "Priority") await field.selectOption(value);
      else await field.fill(value);
    }
    await form.getByRole("button", { name: "Save" }).click();
  }

  /** How many are open and done, as the page says. */
  counts() {
    return this.page.getByText(/^[\d,]+ open, [\d,]+ done$/).textContent();
  }

  /** Waits until the page says this of the server; it says nothing while that answers. */
  says(state) {
    return eventually(() => this.page.locator("#state").textContent(), state);
  }

  /** The message at the bottom of the page. */
  get toast() {
    return this.page.locator(".toast");
  }

  /** Waits for a message, and takes its offer. */
  async undoByToast(text) {
    await this.toast.filter({ hasText: text }).getByRole("button", { name: "Undo" }).click();
  }

  /** What happened, the last first, as the page tells it. */
  get history() {
    return this.page.getByRole("list", { name: "What happened, the last first" }).getByRole("listitem");
  }

  told() {
    return this.history.evaluateAll((entries) => entries.map((entry) => entry.querySelector("button").textContent));
  }
}
