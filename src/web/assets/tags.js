// Tags as one text: separated by commas; a tag with a comma or a quote in it stands in quotes.

/** The tags as they are typed. */
export const joined = (tags) => tags.map((tag) => (/[",]/.test(tag) ? `"${tag.replaceAll('"', '""')}"` : tag)).join(", ");

/** The tags of a text. */
export function split(text) {
  const tags = [...text.matchAll(/\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(?:,|$)/g)];
  return tags.map(([, quoted, plain]) => (quoted?.replaceAll('""', '"') ?? plain).trim()).filter(Boolean);
}
