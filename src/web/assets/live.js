// Changes of one's list as they happen. All tabs of a browser share one connection: whoever holds the lock has it, and tells
// the others. It ends at once when the session does, so a page without tasks listens too.
import { checkSession, session, SignedOut } from "./api.js";

const SOONEST = 250;
const LATEST = 5_000;

/** Follows the list of a user after a version, or from now on. `on` has `change(change)`, `connected()` and `lost()`. */
export function follow(user, since, on = {}) {
  const name = `keyfold-${user}`;
  const channel = new BroadcastChannel(name);
  // Only secure pages have locks; on another one every tab has a connection, and keeps what it hears to itself.
  const isShared = Boolean(navigator.locks);
  let last = since;
  let wait = SOONEST;
  let source, timer, release;
  let isOver = false;

  function hear({ kind, change }) {
    if (kind === "ended") return void checkSession().catch(() => {});
    if (kind === "change") last = Math.max(last ?? 0, change.version);
    if (kind === "connected") session.dispatchEvent(new Event("answers"));
    on[kind]?.(change);
  }

  function tell(message) {
    if (isShared) channel.postMessage(message);
    hear(message);
  }

  function connect() {
    if (isOver) return;
    const after = last === undefined ? "" : `?since=${last}`;
    source = new EventSource(`/api/${user}/tasks/events${after}`);
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

  // The session may have ended, or the server may be away, or not want to tell.
  async function reconnect() {
    try {
      await checkSession();
      if (wait > SOONEST) tell({ kind: "lost" });
    } catch (error) {
      if (error instanceof SignedOut) return;
      tell({ kind: "lost" });
    }
    timer = setTimeout(connect, wait);
    wait = Math.min(wait * 2, LATEST);
  }

  channel.onmessage = ({ data }) => hear(data);
  addEventListener("online", () => {
    // A connection from before may be dead without knowing.
    if (!source || isOver) return;
    source.close();
    clearTimeout(timer);
    connect();
  });
  session.addEventListener("signedout", () => {
    isOver = true;
    source?.close();
    clearTimeout(timer);
    channel.postMessage({ kind: "ended" });
    channel.close();
    release?.();
  });
  const lead = () =>
    new Promise((resolve) => {
      release = resolve;
      connect();
    });
  if (isShared) navigator.locks.request(name, () => (isOver ? undefined : lead()));
  else connect();
}
