// Which tasks are asked for. It stands in a form and in the address, so that it can be kept, sent and gone back to.
import { $, $$ } from "./page.js";
import { untilOver } from "./over.js";

const TYPING_PAUSE = 150;
/** What leaves tasks out. */
const FILTERS = ["q", "completed", "priority", "tag"];
const OWN_ORDER = "position";

export class Filters {
  #form = $("#filters");
  #asked;
  #pause;

  /** `asked()` hears that other tasks are asked for. */
  constructor(asked) {
    this.#asked = asked;
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", ({ target }) => {
      clearTimeout(this.#pause);
      this.#pause = setTimeout(() => this.#ask(target.matches("select")), TYPING_PAUSE);
    });
    addEventListener("popstate", () => this.#goBack(), untilOver);
  }

  /** The query of the API. */
  get query() {
    const [sort, order] = this.#form.elements.sort.value.split(".");
    const query = new URLSearchParams({ sort });
    if (order) query.set("order", order);
    for (const name of FILTERS) if (this.#text(name)) query.set(name, this.#text(name));
    return query;
  }

  /** Whether some tasks are left out. */
  get isFiltered() {
    return FILTERS.some((name) => this.#text(name));
  }

  /** Whether the tasks are in another order than one's own. */
  get isSorted() {
    return this.#form.elements.sort.value !== OWN_ORDER;
  }

  /** Asks for the tasks with a tag alone. */
  chooseTag(tag) {
    this.#form.elements.tag.value = tag;
    this.#ask(true);
  }

  #text(name) {
    const { value, maxLength } = this.#form.elements[name];
    return (maxLength > 0 ? value.slice(0, maxLength) : value).trim();
  }

  /** What was typed replaces the address, what was chosen is a step to go back from. */
  #ask(isStep) {
    const asked = [...FILTERS, "sort"].map((name) => [name, this.#text(name)]);
    const query = new URLSearchParams(asked.filter(([name, text]) => text && !(name === "sort" && text === OWN_ORDER)));
    const address = location.pathname + (query.size > 0 ? `?${query}` : "");
    if (address !== location.pathname + location.search) history[isStep ? "pushState" : "replaceState"](null, "", address);
    this.#asked();
  }

  #goBack() {
    const query = new URLSearchParams(location.search);
    for (const field of $$("[name]", this.#form)) field.value = query.get(field.name) ?? (field.name === "sort" ? OWN_ORDER : "");
    this.#asked();
  }
}
