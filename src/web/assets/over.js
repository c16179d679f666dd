// End of the session: the page says so, drops its data, and continues after the user has signed in again.
import { $ } from "./page.js";
import { isSignedInAgain, session } from "./api.js";

/** Aborted at the end of the session: all listeners of the page are removed by it. */
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
