// Drafts: what is typed and not saved yet. They are kept in this browser, so that no key, link, reload or end of a session loses
// them, until they are saved or discarded, or somebody signs out.

export class Drafts {
  #user;

  constructor(user) {
    this.#user = user;
  }

  #name(what) {
    return `keyfold-draft-${this.#user}-${what}`;
  }

  /** What was typed about a task; nothing if that is nothing. */
  of(what) {
    try {
      return JSON.parse(localStorage.getItem(this.#name(what)));
    } catch {
      return null;
    }
  }

  /** Keeps what is typed; without any field, it is nothing. */
  keep(what, fields) {
    try {
      if (Object.keys(fields).length > 0) localStorage.setItem(this.#name(what), JSON.stringify(fields));
      else localStorage.removeItem(this.#name(what));
    } catch {
      // A browser that keeps nothing, or has no room, keeps no drafts either.
    }
  }

  drop(what) {
    this.keep(what, {});
  }
}
