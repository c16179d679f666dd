// A list as a person has it on a good day: things for today and for later, for home and for work, one done, one deleted.

import { day } from "./list.mjs";

const TASKS = [
  { title: "Send the invoice to the printers", priority: "high", due: day(0), tags: ["work"] },
  {
    title: "Prepare the talk on folding events",
    description: "Twenty minutes, and a demonstration that survives a bad network.\nAsk Grace whether the moth may come.",
    priority: "high",
    due: day(1),
    tags: ["work", "talk"],
  },
  { title: "Book the train to Zürich", priority: "medium", due: day(3), tags: ["travel"] },
  { title: "Return the library books", priority: "low", due: day(-1), tags: ["errands"] },
  { title: "Water the plants on the balcony", due: day(0), tags: ["home"] },
  { title: "Read The Art of Doing Science and Engineering", description: "Chapter 4 first.", tags: ["reading"] },
  { title: "Find a present for Mina", due: day(12), tags: ["family"] },
  { title: "Renew the passport", priority: "medium", tags: ["travel", "errands"] },
];

/** Fills a new list. */
export async function fill(account) {
  const [invoice, talk, ...rest] = await account.add(...TASKS);
  const [scrap] = await account.add({ title: "Cancel the old newspaper", tags: ["home"] });
  await account.change(rest.find(({ title }) => title.startsWith("Water")), { completed: true });
  await account.change(talk, { priority: "medium" });
  await account.change(invoice, { title: "Send the corrected invoice to the printers" });
  await account.remove(scrap);
}
