// Forms that are sent without leaving the page, so that the input survives every failure.
import { $, $$, announce, element } from "./page.js";

const AWAY = "The server does not answer. What you typed is still here: try again in a moment.";

/** Shows the errors of a form: beside its fields, and above them those that belong to no field. */
export function complain(form, error) {
  const others = (error.details ?? []).filter(({ field, message }) => !mark(form, field, message));
  const unsaid = others.map(({ field, message }) => `${field} ${message}`);
  const said = error.status ? `${error.message}.` : AWAY;
  const first = $('[aria-invalid="true"]', form);
  const text = first ? unsaid.join("; ") : said;
  const whole = $("[data-whole]", form);
  whole.textContent = text;
  whole.hidden = !text;
  // The focus is not taken from a user who types in another form.
  const isElsewhere = document.activeElement !== document.body && !form.contains(document.activeElement);
  if (first && isElsewhere) announce($(".problem", first.closest(".field")).textContent);
  else first?.focus();
}

/** Marks a field, or the list field of an element (`tags[1]`), as invalid. Returns false if the form has no such field. */
function mark(form, name, message) {
  const input = form.elements[name.replace(/[[.].*/, "")];
  const field = input?.closest?.(".field");
  if (!field) return false;
  input.setAttribute("aria-invalid", "true");
  $(".problem", field).textContent = `${input.dataset.called ?? $("label", field).textContent} ${message}`;
  return true;
}

/** Clears all errors of a form. */
export function settle(form) {
  for (const input of $$("[aria-invalid]", form)) input.removeAttribute("aria-invalid");
  for (const problem of $$(".problem", form)) problem.textContent = "";
  const whole = $("[data-whole]", form);
  if (whole) whole.hidden = true;
}

/** Clears the error of a field as soon as the field is edited. */
export function settleAsTyped(form) {
  form.addEventListener("input", ({ target }) => {
    const problem = target.closest(".field")?.querySelector(".problem");
    target.removeAttribute("aria-invalid");
    if (problem) problem.textContent = "";
    const whole = $("[data-whole]", form);
    if (whole && !$("[aria-invalid]", form)) whole.hidden = true;
  });
}

/** Adds a button that shows the typed password. */
function offerToShow(input) {
  const button = element("button", "link", "Show password");
  button.type = "button";
  button.setAttribute("aria-controls", input.id);
  const show = (isShown) => {
    input.type = isShown ? "text" : "password";
    button.textContent = isShown ? "Hide password" : "Show password";
  };
  button.addEventListener("click", () => show(input.type === "password"));
  // Browsers offer to save a password only from a hidden field.
  input.form.addEventListener("submit", () => show(false));
  input.after(button);
}

/** Values of the fields, by name. */
export function typed(form) {
  return Object.fromEntries($$(".field [name]", form).map((input) => [input.name, input.value]));
}

/** Sends a form by `send(method, path, options)` and passes the response to `done`. */
export function enhance(form, send, done) {
  const [method, path] = form.dataset.api.split(" ");
  form.noValidate = true;
  for (const input of $$("input[type=password]", form)) offerToShow(input);
  settleAsTyped(form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = $("button[type=submit]", form);
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    settle(form);
    try {
      await done(await send(method, path, { body: typed(form) }));
    } catch (error) {
      complain(form, error);
      if (isAboutPassword(error)) clearPasswords(form);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

/** True if the password, and no other field, was rejected. */
const isAboutPassword = ({ status, details = [] }) => status === 401 || details.some(({ field }) => /password/i.test(field));

/** Empties the password fields after a rejection. */
function clearPasswords(form) {
  for (const input of $$("input[type=password]", form)) input.value = "";
}
