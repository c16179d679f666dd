// Due dates of tasks: as text of the API, as fields of a form, and in words. A day is the same day everywhere; a moment has
// a zone, by its offset or its name (RFC 3339, RFC 9557).
import { DATE, isKnown } from "./page.js";

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
const MOMENT = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?(?:\[!?([^\]]+)\])?$/;
const HAS_OFFSET = /T.*(?:Z|[+-]\d\d:\d\d)(?:\[|$)/;
const OFFSET = /^[+-]\d\d:\d\d$/;
const TIME = { hour: "2-digit", minute: "2-digit" };
// A format takes longer to make than to use.
const HERE_AT = new Intl.DateTimeFormat(undefined, { ...TIME, timeZoneName: "short" });
const THERE_AT = new Intl.DateTimeFormat(undefined, { ...TIME, timeZone: "UTC" });
const THERE_ON = new Intl.DateTimeFormat(undefined, { ...TIME, day: "numeric", month: "short", timeZone: "UTC" });

/** Time zone of the reader. */
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Input that cannot be a due date; `field` names the form field. */
class InvalidDue extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

/** The moment that a text with its zone stands for. */
const momentOf = (text) => new Date(text.replace(/\[.*/, ""));

/** A due date as the fields `{ due, time, zone }`; without the last two if it is not one that can be taken apart. */
export function fieldsOf(due) {
  if (!due || due.length === 10) return { due: due ?? "", time: "", zone: HERE };
  const [, date, time, offset, name] = (isKnown(momentOf(due)) && MOMENT.exec(due)) || [];
  // Seconds are shown only if they are not zero, as for most times.
  return offset || name ? { due: date, time: time.replace(/^(.....):00(\.0+)?$/, "$1"), zone: name ?? (offset === "Z" ? "UTC" : offset) } : { due };
}

/** Due date from the fields of a form; nothing if they are empty. Only the server knows the rules of named zones. */
export function dueOf({ due, time, zone: typed }) {
  const zone = typed.trim();
  if (!due && time) throw new InvalidDue("due", "must be given with a time");
  if (!time) return due.trim() || null;
  if (zone === "UTC") return `${due}T${time}Z`;
  if (OFFSET.test(zone)) return `${due}T${time}${zone}`;
  if (!isZone(zone)) throw new InvalidDue("zone", "must be a time zone such as Europe/Prague, or an offset such as +02:00");
  return `${due}T${time}[${zone}]`;
}

function isZone(name) {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

/** The day that something is due, as people read it, as `{ text, kind }`: `kind` is late, soon or nothing. */
export function dueDay(due) {
  const isDay = due.length === 10;
  const date = isDay ? dayOf(due) : momentOf(due);
  if (!isKnown(date)) return { text: `due ${due}`, kind: "" };
  const today = new Date();
  today.setHours(0, 0, 0, 0);
  const days = Math.round((new Date(date).setHours(0, 0, 0, 0) - today) / DAY);
  const isLate = isDay ? days < 0 : date < Date.now();
  const near = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
  const time = isDay ? "" : `, ${timeOf(due, date)}`;
  return { text: `due ${near ?? DATE.format(date)}${time}`, kind: isLate ? "late" : days <= 1 ? "soon" : "" };
}

/** A day here. */
function dayOf(due) {
  const [year, month, day] = due.split("-").map(Number);
  const date = new Date(2000, 0, 1);
  // Set afterwards: the constructor takes the years 0 to 99 for those of the last century.
  date.setFullYear(year, month - 1, day);
  return date;
}

/** Time of a moment in the reader's zone, and in its own zone if the clocks there show another time. */
function timeOf(due, date) {
  const { due: day, time, zone } = fieldsOf(due);
  if (!zone) return HERE_AT.format(date);
  const there = new Date(`${day}T${time}Z`);
  // Just typed: only the server can compute the moment.
  if (!HAS_OFFSET.test(due)) return `${THERE_AT.format(there)} ${zone}`;
  const here = HERE_AT.format(date);
  if (there.getTime() === date.getTime() - date.getTimezoneOffset() * MINUTE) return here;
  const isSameDay = there.toISOString().slice(8, 10) === String(date.getDate()).padStart(2, "0");
  return `${here} (${(isSameDay ? THERE_AT : THERE_ON).format(there)} ${zone})`;
}
