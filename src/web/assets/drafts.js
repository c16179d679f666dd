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

  /** The draft as `{ texts, base }`, where `base` is the value it was typed over; nothing without a draft. */
  of(what) {
    try {
      return JSON.parse(localStorage.getItem(this.#name(what)));
    } catch {
      return null;
    }
  }

  /** Keeps the texts that are typed over something; without any, it is nothing. */
  keep(what, texts, base) {
    try {
      if (Object.keys(texts).length > 0) localStorage.setItem(this.#name(what), JSON.stringify({ texts, base }));
      else localStorage.removeItem(this.#name(what));
    } catch {
      // A browser that keeps nothing, or has no room, keeps no drafts either.
    }
  }

  /** A task has another id from now on. */
  rename(what, other) {
    const draft = this.of(what);
    if (!draft) return;
    this.drop(what);
    this.keep(other, draft.texts, { ...draft.base, id: other });
  }

  drop(what) {
    this.keep(what, {});
  }
}
