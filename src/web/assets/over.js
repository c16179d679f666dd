// When the session is over: the page says so, holds nothing any more, and goes on when somebody has signed in again.
import { $ } from "./page.js";
import { isSignedInAgain, session } from "./api.js";

/** Aborted when the session is over: nothing on the page listens then. */
const over = new AbortController();
export const untilOver = { signal: over.signal };

/** `kept()` says what will be sent after signing in again, if anything. */
export function sayWhenOver(kept = () => "") {
  session.addEventListener("signedout", ({ detail }) => {
    over.abort();
    const dialog = $("#signed-out");
    for (const place of ["#main", "#toasts", "#announcer"]) $(place).replaceChildren();
    if (detail) $("#signed-out-text").textContent = detail;
    $("#signed-out-kept").textContent = kept();
    $("#sign-in-again").href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.showModal();
    addEventListener("focus", () => isSignedInAgain().then((isIt) => isIt && location.reload()));
  });
}
