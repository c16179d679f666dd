// Forms that are sent without leaving the page, so that what was typed stays whatever happens.
import { $, $$ } from "./page.js";
import { Refused, Unreachable } from "./api.js";

const AWAY = "The server does not answer. What you typed is still here: try again in a moment.";

/** What is wrong with a form, beside its fields and above them. */
export function complain(form, error) {
  const whole = $("[data-whole]", form);
  const beside = [...(error.details ?? [])];
  const byCode = error.code && $(`[data-code="${error.code}"]`, form);
  if (byCode) beside.push({ field: byCode.name, message: "belongs to an account already: sign in instead" });
  const shown = beside.filter(({ field, message }) => mark(form, field, message));
  if (shown.length > 0) {
    $('[aria-invalid="true"]', form).focus();
  } else {
    whole.textContent = error instanceof Unreachable ? AWAY : `${error.message}.`;
    whole.hidden = false;
  }
}

function mark(form, name, message) {
  const input = form.elements[name];
  const field = input?.closest?.(".field");
  if (!field) return false;
  input.setAttribute("aria-invalid", "true");
  $(".problem", field).textContent = `${$("label", field).textContent} ${message}`;
  return true;
}

/** Takes back what was complained of. */
export function settle(form) {
  for (const input of $$("[aria-invalid]", form)) input.removeAttribute("aria-invalid");
  for (const problem of $$(".problem", form)) problem.textContent = "";
  const whole = $("[data-whole]", form);
  if (whole) whole.hidden = true;
}

/** What was typed, by the names of the fields. */
export function typed(form) {
  return Object.fromEntries($$(".field [name]", form).map((input) => [input.name, input.value]));
}

/** Sends a form as `send(method, path, options)` does; `done(answer)` hears what came of it. */
export function enhance(form, send, done) {
  const [method, path] = form.dataset.api.split(" ");
  form.noValidate = true;
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
      if (error instanceof Refused && !error.isTemporary) clearPasswords(form);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

/** What was refused is typed again. */
export function clearPasswords(form) {
  for (const input of $$("input[type=password]", form)) input.value = "";
}
