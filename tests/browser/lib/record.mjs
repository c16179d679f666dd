// What went wrong in somebody's pages, as it happens: whatever the console was told, errors nobody caught, requests that
// failed and requests to elsewhere. What a content security policy forbids, the console is told.

const COMPLAINTS = new Set(["error", "warning", "assert"]);

/** A page that goes away, or takes a request back, ends it so. */
const TAKEN_BACK = "net::ERR_ABORTED";

export class Record {
  /** Everything the console was told, and everything that went wrong, expected or not. */
  lines = [];
  #expectations = [];
  #unexpected = [];
  #origins;

  /** Of the pages of a context, which may send requests to these origins. */
  constructor(context, origins) {
    this.#origins = new Set(origins);
    context.on("console", (message) => {
      const told = [`console ${message.type()}`, message.text(), message.location().url];
      if (COMPLAINTS.has(message.type())) this.#add(...told);
      else this.lines.push(line(...told));
    });
    context.on("weberror", (error) => this.#add("page error", error.error().stack ?? error.error(), error.page()?.url()));
    context.on("request", (request) => this.#sent(request.url()));
    context.on("requestfailed", (request) => {
      const { errorText } = request.failure();
      if (errorText !== TAKEN_BACK) this.#add("failed request", `${request.method()} ${errorText}`, request.url());
    });
    context.on("page", (page) => page.on("websocket", (socket) => this.#sent(socket.url().replace(/^ws/, "http"))));
  }

  /** From now on what fits the pattern is no failure: it has to happen, and as often as that. */
  expect(pattern, { atLeast = 1, atMost = Infinity } = {}) {
    this.#expectations.push({ pattern, atLeast, atMost, seen: 0 });
  }

  /** What nobody expected, and what was expected and did not happen. */
  failures() {
    const missing = this.#expectations.filter(({ seen, atLeast }) => seen < atLeast);
    return [
      ...this.#unexpected,
      ...missing.map(({ pattern, seen, atLeast }) => `expected at least ${atLeast} of ${pattern}, but saw ${seen}`),
    ];
  }

  #sent(url) {
    const { origin, protocol } = new URL(url);
    if (protocol.startsWith("http") && !this.#origins.has(origin)) this.#add("foreign request", "", url);
  }

  #add(kind, text, url) {
    const wrong = line(kind, text, url);
    this.lines.push(wrong);
    const expectation = this.#expectations.find(({ pattern, seen, atMost }) => seen < atMost && pattern.test(wrong));
    if (expectation) expectation.seen += 1;
    else this.#unexpected.push(wrong);
  }
}

function line(kind, text, url) {
  return `${kind}: ${text} (${url || "no URL"})`;
}
