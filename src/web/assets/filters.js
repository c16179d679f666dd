// Filters of the task list, in a form and in the address, so that they can be bookmarked, shared and navigated back to.
import { $, $$ } from "./page.js";
import { untilOver } from "./over.js";

const TYPING_PAUSE = 150;
/** Parameters that filter tasks out. */
const FILTERS = ["q", "completed", "priority", "tag"];
const OWN_ORDER = "position";

export class Filters {
  #form = $("#filters");
  #asked;
  #pause;

  /** `asked()` is called as soon as the query changes. */
  constructor(asked) {
    this.#asked = asked;
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", ({ target }) => {
      clearTimeout(this.#pause);
      this.#pause = setTimeout(() => this.#ask(target.matches("select")), TYPING_PAUSE);
    });
    addEventListener("popstate", () => this.#goBack(), untilOver);
  }

  /** Query parameters for the API. */
  get query() {
    const [sort, order] = this.#form.elements.sort.value.split(".");
    const query = new URLSearchParams({ sort });
    if (order) query.set("order", order);
    for (const name of FILTERS) if (this.#text(name)) query.set(name, this.#text(name));
    return query;
  }

  /** True if a filter is set. */
  get isFiltered() {
    return FILTERS.some((name) => this.#text(name));
  }

  /** True if the order is not the user's own. */
  get isSorted() {
    return this.#form.elements.sort.value !== OWN_ORDER;
  }

  /** Filters by this tag. */
  chooseTag(tag) {
    this.#form.elements.tag.value = tag;
    this.#ask(true);
  }

  #text(name) {
    const { value, maxLength } = this.#form.elements[name];
    return (maxLength > 0 ? value.slice(0, maxLength) : value).trim();
  }

  /** Typed text replaces the address; a choice adds a step to the browser's history. */
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
