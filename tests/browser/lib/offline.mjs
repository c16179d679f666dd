// A device without a network.

/** What the browser itself says of it. */
export const OFFLINE =
  /^(failed request: (GET|POST|PATCH|DELETE)|console error: Failed to load resource:) net::ERR_INTERNET_DISCONNECTED \(.*\/api\/.*\)$/;

/** Takes the network from a device, whose list says so. */
export async function goOffline({ context }, list) {
  await context.setOffline(true);
  await list.says("You are offline; waiting for the network. What you do meanwhile is kept.");
}

/** Gives it back: what was kept is sent. */
export async function goOnline({ context }, list) {
  await context.setOffline(false);
  await list.says("");
}
