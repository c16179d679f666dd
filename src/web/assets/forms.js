// Forms that are sent without leaving the page, so that what was typed stays whatever happens.
import { $, $$, announce, element } from "./page.js";

const AWAY = "The server does not answer. What you typed is still here: try again in a moment.";

/** What is wrong with a form: beside its fields, and above them what belongs to none. */
export function complain(form, error) {
  const others = (error.details ?? []).filter(({ field, message }) => !mark(form, field, message));
  const unsaid = others.map(({ field, message }) => `${field} ${message}`);
  const said = error.status ? `${error.message}.` : AWAY;
  const first = $('[aria-invalid="true"]', form);
  const text = first ? unsaid.join("; ") : said;
  const whole = $("[data-whole]", form);
  whole.textContent = text;
  whole.hidden = !text;
  // Whoever is typing somewhere else is not interrupted.
  const isElsewhere = document.activeElement !== document.body && !form.contains(document.activeElement);
  if (first && isElsewhere) announce($(".problem", first.closest(".field")).textContent);
  else first?.focus();
}

/** Says what is wrong with a field, or with an element of what it lists (`tags[1]`). */
function mark(form, name, message) {
  const input = form.elements[name.replace(/[[.].*/, "")];
  const field = input?.closest?.(".field");
  if (!field) return false;
  input.setAttribute("aria-invalid", "true");
  $(".problem", field).textContent = `${input.dataset.called ?? $("label", field).textContent} ${message}`;
  return true;
}

/** Takes back what was complained of. */
export function settle(form) {
  for (const input of $$("[aria-invalid]", form)) input.removeAttribute("aria-invalid");
  for (const problem of $$(".problem", form)) problem.textContent = "";
  const whole = $("[data-whole]", form);
  if (whole) whole.hidden = true;
}

/** Takes back what was complained of a field, as soon as somebody changes it. */
export function settleAsTyped(form) {
  form.addEventListener("input", ({ target }) => {
    const problem = target.closest(".field")?.querySelector(".problem");
    target.removeAttribute("aria-invalid");
    if (problem) problem.textContent = "";
    const whole = $("[data-whole]", form);
    if (whole && !$("[aria-invalid]", form)) whole.hidden = true;
  });
}

/** Lets people see the password that they type. */
function offerToShow(input) {
  const button = element("button", "link", "Show password");
  button.type = "button";
  button.setAttribute("aria-controls", input.id);
  const show = (isShown) => {
    input.type = isShown ? "text" : "password";
    button.textContent = isShown ? "Hide password" : "Show password";
  };
  button.addEventListener("click", () => show(input.type === "password"));
  // A browser offers to keep a password only where it is hidden.
  input.form.addEventListener("submit", () => show(false));
  input.after(button);
}

/** What was typed, by the names of the fields. */
export function typed(form) {
  return Object.fromEntries($$(".field [name]", form).map((input) => [input.name, input.value]));
}

/** Sends a form as `send(method, path, options)` does; `done(answer)` hears what came of it. */
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

/** Whether a password was refused, and not something else beside it. */
const isAboutPassword = ({ status, details = [] }) => status === 401 || details.some(({ field }) => /password/i.test(field));

/** What was refused is typed again. */
function clearPasswords(form) {
  for (const input of $$("input[type=password]", form)) input.value = "";
}
