// Outgoing scans as the daemon tells them, for the tests of OUTGOING.
import type { Daemon } from "./daemon.ts";
import { shipped } from "./settings.ts";
import { waitFor } from "./wait.ts";

export const watching = { ...shipped, OUTGOING: "watch" };

export async function outgoingEvents(daemon: Daemon) {
  return (await daemon.events()).filter(({ type }) => type === "outgoing");
}

/** Waits for an event whose message is like this. */
export function foundOutgoing(daemon: Daemon, pattern: RegExp, deadlineMs?: number) {
  return waitFor(
    `an outgoing scan like ${pattern}`,
    async () => (await outgoingEvents(daemon)).find(({ message = "" }) => pattern.test(message)),
    deadlineMs,
  );
}
