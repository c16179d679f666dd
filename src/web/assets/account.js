// Profile, password and sessions, as the API does it.
import { $, $$, localTimes, toast } from "./page.js";
import { forgetToken, request } from "./api.js";
import { enhance } from "./forms.js";
import { follow } from "./live.js";
import { sayWhenOver, untilOver } from "./over.js";

sayWhenOver();
localTimes();

for (const form of $$("form[data-api]")) {
  enhance(form, request, () => {
    if (form.dataset.onward) return location.assign(form.dataset.onward);
    // The claims of the token are others now.
    forgetToken();
    for (const input of $$("input", form)) input.defaultValue = input.value;
    toast(form.dataset.done);
  });
}

for (const form of $$("form[data-end]:not([data-current])")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await request("DELETE", `/api/auth/sessions/${form.dataset.end}`);
    } catch (error) {
      if (error.code === "SESSION_NOT_FRESH") return location.assign("/login?again=1&next=/account");
      // A 404 means that the session has already ended.
      if (error.status !== 404) return toast(`${error.message}.`);
    }
    leave(form.closest("li"));
    toast("The session was ended.");
  });
}

/** A session goes from the list. One's own is always left. */
function leave(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  $("button", next).focus();
  if ($$("[data-session]").length === 1) $("[name=except]").form.remove();
}

/** Shows the sessions that there are, unless something is being typed. */
async function showSessions() {
  if (document.hidden) return;
  const { body } = await request("GET", "/api/auth/sessions");
  const known = new Set($$("[data-session]").map((row) => row.dataset.session));
  const isSame = body.sessions.length === known.size && body.sessions.every(({ id }) => known.has(id));
  const isTyping = $$("form[data-api] .field input").some((input) => input.value !== input.defaultValue);
  if (!isSame && !isTyping) location.reload();
}

document.addEventListener("visibilitychange", () => showSessions().catch(() => {}), untilOver);
follow($("#account").dataset.user);
