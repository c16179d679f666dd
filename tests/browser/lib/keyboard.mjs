// Somebody who has a keyboard and nothing else. Wherever they are, they have to see it.

import assert from "node:assert/strict";

const MOST_STOPS = 80;
/** Thinner than this an outline is hardly seen. */
const THINNEST = 2;

/** What has the focus, or holds a part of its own that does, as a date field may. */
const HERE = ":focus-within:not(:has(:focus-within))";

export class Keyboard {
  constructor(page) {
    this.page = page;
    this.here = page.locator(HERE);
  }

  /** Where one is, as people with a screen reader hear it: `button "Add"`, `textbox "Name": Ada`. */
  async where() {
    const heard = await this.here.ariaSnapshot();
    return heard.split("\n")[0].replace(/^- '?/, "").replace(/'?:?$/, "").replaceAll("''", "'");
  }

  /** Fails unless it is seen where one is. */
  async assertSeen() {
    const [style, width, isHidden] = await this.here.evaluate((here) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(here);
      const { width, height } = here.getBoundingClientRect();
      return [outlineStyle, Number.parseFloat(outlineWidth), width < 8 || height < 8];
    });
    const where = await this.where();
    assert.ok(style !== "none" && width >= THINNEST && !isHidden, `${where} is not seen to have the focus`);
  }

  /** Goes on with `Tab` to what is called so, or begins so; every stop on the way has to be seen. */
  async to(name, key = "Tab") {
    const passed = [];
    for (let stops = 0; stops < MOST_STOPS; stops += 1) {
      await this.page.keyboard.press(key);
      // After the end of a page comes the browser.
      if ((await this.here.count()) === 0) continue;
      await this.assertSeen();
      const where = await this.where();
      if (where.startsWith(name)) return;
      passed.push(where);
    }
    throw new Error(`${name} is not reached: ${passed.join(", ")}`);
  }

  back(name) {
    return this.to(name, "Shift+Tab");
  }

  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Types over what is in a field. */
  async type(text) {
    await this.press("Control+A");
    await this.page.keyboard.type(text);
  }
}
