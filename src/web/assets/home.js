// State of this server, every few seconds while the page is visible.
import { $, $$, number } from "./page.js";
import { open } from "./api.js";

const EVERY = 5_000;
const status = $("#status");

function show(fact, text) {
  $(`[data-fact="${fact}"]`, status).textContent = text;
}

async function look() {
  if (document.hidden) return;
  const ready = $('[data-fact="ready"]', status);
  try {
    const started = performance.now();
    const { body } = await open("GET", "/health/ready");
    show("time", `${number(performance.now() - started)} ms`);
    show("events", number(body.logHead));
    show("keys", (await open("GET", "/.well-known/jwks.json")).body.keys.length);
    for (const row of $$("[data-live]", status)) row.hidden = false;
    ready.className = "good";
    ready.textContent = "Ready";
  } catch (error) {
    ready.className = "bad";
    ready.textContent = error.status ? "Not ready" : "Does not answer";
  }
}

if (status) {
  look();
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
}
