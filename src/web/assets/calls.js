// Requests of the page to the API, shown as commands that users can copy.
import { $, element, toast } from "./page.js";
import { session } from "./api.js";
import { untilOver } from "./over.js";

const MOST = 30;

/** Shows the requests of the page, newest first. */
export function showCalls() {
  session.addEventListener("call", ({ detail }) => show(detail), untilOver);
}

function show(call) {
  const item = document.createElement("li");
  const button = element("button", "", `${call.method} ${call.path}`);
  button.type = "button";
  button.append(element("span", "status", ` ${call.status}, ${call.ms} ms`));
  button.addEventListener("click", () => copy(command(call)));
  item.append(button);
  const calls = $("#call-list");
  calls.prepend(item);
  while (calls.children.length > MOST) calls.lastElementChild.remove();
}

/** The request as a curl command, with a placeholder for the token. */
function command({ method, path, body, isKnown }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = ["curl -s", quoted(location.origin + path)];
  if (method !== "GET") parts.push(`-X ${method}`);
  if (isKnown) parts.push('-H "authorization: Bearer $TOKEN"');
  if (body !== undefined) parts.push("-H 'content-type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  return parts.join(" ");
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied as a command.");
  } catch {
    // The clipboard needs a secure page and the user's permission.
    toast(text);
  }
}
