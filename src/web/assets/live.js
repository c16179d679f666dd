// Changes of the user's list as they happen. All tabs of a browser share one connection: the tab that holds the lock owns it
// and forwards to the others. It ends as soon as the session does, so a page without tasks listens too.
import { checkSession, numberOf, pause, session, SignedOut } from "./api.js";

const SOONEST = 100;
const LATEST = 5_000;

/** Follows the list of a user after a version, or from now on. `on` has `change(change)`, `connected()` and `lost()`. */
export function follow(user, since, on = {}) {
  const name = `keyfold-${user}`;
  const channel = new BroadcastChannel(name);
  // Only secure pages have locks. On another one every tab that is seen has a connection, and keeps what it hears to itself:
  // a browser has six connections to a host, and a hidden tab would keep one from the others.
  const isShared = Boolean(navigator.locks);
  let last = since;
  let wait = SOONEST;
  let failures = 0;
  let source, release;
  let isOver = false;

  function hear({ kind, change }) {
    if (kind === "ended") return void checkSession().catch(() => {});
    if (kind === "change" && !(numberOf(change.version) <= numberOf(last))) last = change.version;
    if (kind === "connected") session.dispatchEvent(new Event("answers"));
    on[kind]?.(change);
  }

  function tell(message) {
    if (isOver) return;
    if (isShared) channel.postMessage(message);
    hear(message);
  }

  function connect() {
    source?.close();
    if (!isShared && document.hidden) return;
    const after = last === undefined ? "" : `?since=${last}`;
    source = new EventSource(`/api/${user}/tasks/events${after}`);
    source.onopen = () => {
      [wait, failures] = [SOONEST, 0];
      tell({ kind: "connected" });
    };
    source.onmessage = (event) => tell({ kind: "change", change: JSON.parse(event.data) });
    source.onerror = () => {
      source.close();
      failures += 1;
      if (failures > 2) {
        // The session may be valid, and the server not ready to stream.
        tell({ kind: "lost" });
        // Or the version is unknown, because a backup was restored. A new connection reads everything anyway.
        last = undefined;
      }
      reconnect();
    };
  }

  // The session may have ended, or the server may be away. A page that ends the session itself is gone a moment later, or
  // has another one.
  async function reconnect() {
    await pause(wait);
    wait = Math.min(wait * 2, LATEST);
    if (isOver) return;
    try {
      await checkSession();
    } catch (error) {
      if (error instanceof SignedOut) return;
      tell({ kind: "lost" });
      return reconnect();
    }
    if (!isOver) connect();
  }

  channel.onmessage = ({ data }) => hear(data);
  addEventListener("online", () => {
    // An old connection may be dead without an error.
    if (source?.readyState !== EventSource.OPEN) return;
    source.close();
    reconnect();
  });
  session.addEventListener("signedout", () => {
    isOver = true;
    source?.close();
    channel.postMessage({ kind: "ended" });
    channel.close();
    release?.();
  });
  if (!isShared) {
    document.addEventListener("visibilitychange", () => isOver || connect());
    return connect();
  }
  const lead = (begin) => {
    begin();
    return new Promise((resolve) => (release = resolve));
  };
  // The previous owner of the connection may have gone because the session ended.
  const succeed = () => navigator.locks.request(name, () => (isOver ? undefined : lead(reconnect)));
  navigator.locks.request(name, { ifAvailable: true }, (lock) => (lock ? lead(connect) : void succeed()));
}
