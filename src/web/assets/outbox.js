// The outbox: commands that no server has answered yet, kept in this browser (IndexedDB), so that they outlive their tab.
//
// Each tab has its own record, and a lock for its lifetime. A record whose lock is free is adopted by the first tab that
// looks. Without locks (insecure pages) a record may be sent twice: its idempotency keys make that once.
import { freshKey } from "./page.js";

const STORE = "outbox";
const own = freshKey();
const lockOf = (tab) => `keyfold-tab-${tab}`;

/** True if this tab holds its lock. */
const isLocked = new Promise((resolve) => {
  if (!navigator.locks) return resolve(false);
  navigator.locks.request(lockOf(own), () => {
    resolve(true);
    // Held until the tab is gone.
    return new Promise(() => {});
  });
});

const answered = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function opened() {
  const request = indexedDB.open("keyfold", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "tab" });
  return answered(request);
}

/** The tabs that live. */
async function living() {
  if (!(await isLocked)) return new Set();
  const { held } = await navigator.locks.query();
  return new Set(held.map(({ name }) => name));
}

export class Outbox {
  #user;
  #database = opened();

  constructor(user) {
    this.#user = user;
    // A browser that keeps nothing has the commands of this tab in memory alone.
    this.#database.catch(() => {});
  }

  /** Keeps the commands of this tab, instead of those that it kept before. */
  async keep(commands) {
    const transaction = (await this.#database).transaction(STORE, "readwrite");
    const store = transaction.objectStore(STORE);
    if (commands.length === 0) store.delete(own);
    else store.put({ tab: own, user: this.#user, at: Date.now(), commands });
    // The tab may be gone before it hears of the success, after which a browser commits by itself.
    transaction.commit();
  }

  /** Takes over the commands of tabs that are gone, the oldest tab first. */
  async adopt() {
    const database = await this.#database;
    const alive = await living();
    const store = database.transaction(STORE, "readwrite").objectStore(STORE);
    const isLeft = ({ tab, user }) => user === this.#user && tab !== own && !alive.has(lockOf(tab));
    const left = (await answered(store.getAll())).filter(isLeft).sort((one, other) => one.at - other.at);
    for (const { tab } of left) store.delete(tab);
    return left.flatMap(({ commands }) => commands);
  }
}
