// Helpers of every page: elements, messages to the user, times.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** A copy of a template's content. */
export function copied(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** An element with a class and text. */
export function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** True if two JSON values are equal; a missing value equals null. */
export const isSame = (one, other) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

/** Index of the first item for which `isPast` is true, by binary search: it is true for all items after it. */
export function firstPast(items, isPast) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isPast(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A unique text. `crypto.randomUUID` exists on secure pages only. */
export const freshKey = () => crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16))).join("-");

/** Announces a text to screen readers. */
export function announce(text) {
  $("#announcer").textContent = text;
}

/** Returns a function that runs `run` one at a time. Calls during a run share the next run, which begins after them. */
export function coalesced(run) {
  let running = Promise.resolve();
  let next;
  return () =>
    (next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined;
        running = run();
        return running;
      }));
}

const TOAST_STAYS = 8_000;
let closeToast = () => {};

/** Shows a message for a while, longer while it has the pointer or focus. `action` is `{ text, run }`. */
export function toast(text, action) {
  closeToast();
  const shown = element("div", "toast", "");
  shown.append(element("span", "", text));
  let timer, cameFrom;
  const close = () => {
    clearTimeout(timer);
    const isHere = shown.contains(document.activeElement);
    shown.remove();
    if (isHere) (cameFrom?.isConnected ? cameFrom : $("#main")).focus({ preventScroll: true });
  };
  closeToast = close;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(close, TOAST_STAYS);
  };
  if (action) {
    const button = element("button", "", action.text);
    button.type = "button";
    button.addEventListener("click", () => {
      close();
      action.run();
    });
    shown.append(button);
  }
  for (const event of ["pointerenter", "focusin"]) shown.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) shown.addEventListener(event, wait);
  shown.addEventListener("focusin", ({ relatedTarget }) => (cameFrom ??= relatedTarget));
  shown.addEventListener("keydown", (event) => event.key === "Escape" && close());
  $("#toasts").append(shown);
  wait();
}

const LANGUAGE = document.documentElement.lang;
// Dates are written as the reader's browser does, words as the page does.
export const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const AGO = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

function ago(date) {
  const seconds = (date - Date.now()) / 1000;
  const unit = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  if (!unit) return "just now";
  return Math.abs(seconds) > 30 * 86_400 ? DATE.format(date) : AGO.format(Math.round(seconds / unit[1]), unit[0]);
}

/** True if the browser can parse a date; others are shown unchanged. */
export const isKnown = (date) => !Number.isNaN(date.getTime());

/** A number in the format of the page's language. */
export const number = (count) => NUMBER.format(count);

/** A time in words, to the second. */
export function exact(iso) {
  const date = new Date(iso);
  return isKnown(date) ? EXACT.format(date) : iso;
}

/** Shows every time below an element in the reader's zone. */
export function localTimes(root = document) {
  for (const time of $$("time[datetime]", root)) {
    const date = new Date(time.dateTime);
    if (!isKnown(date)) continue;
    time.textContent = "ago" in time.dataset ? ago(date) : DATE.format(date);
    time.title = EXACT.format(date);
  }
}
