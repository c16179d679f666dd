// Changes of one's list as they happen. All tabs of a browser share one connection: whoever holds the lock has it, and tells
// the others. It ends at once when the session does, so a page without tasks listens too.
import { checkSession, SignedOut } from "./api.js";

const SOONEST = 250;
const LATEST = 5_000;

/** Follows the list of a user after a version, or from now on. `on` has `change(change)`, `connected()` and `lost()`. */
export function follow(user, since, on) {
  const name = `keyfold-${user}`;
  const channel = new BroadcastChannel(name);
  let last = since;
  let wait = SOONEST;

  function hear({ kind, change }) {
    if (kind === "change") {
      last = Math.max(last ?? 0, change.version);
      on.change?.(change);
    } else if (kind === "ended") {
      checkSession().catch(() => {});
    } else {
      on[kind]?.();
    }
  }

  function tell(message) {
    channel.postMessage(message);
    hear(message);
  }

  function connect() {
    const after = last === undefined ? "" : `?since=${last}`;
    const source = new EventSource(`/api/${user}/tasks/events${after}`);
    source.onopen = () => {
      wait = SOONEST;
      tell({ kind: "connected" });
    };
    source.onmessage = (event) => tell({ kind: "change", change: JSON.parse(event.data) });
    source.onerror = () => {
      source.close();
      reconnect();
    };
  }

  // The session may have ended, or the server may be away.
  async function reconnect() {
    try {
      await checkSession();
    } catch (error) {
      if (error instanceof SignedOut) return channel.postMessage({ kind: "ended" });
      tell({ kind: "lost" });
    }
    setTimeout(connect, wait);
    wait = Math.min(wait * 2, LATEST);
  }

  channel.onmessage = ({ data }) => hear(data);
  const lead = () => new Promise(connect);
  // Only secure pages have locks; another one has a connection of its own.
  if (navigator.locks) navigator.locks.request(name, lead);
  else connect();
}
