// Waiting for a condition, with a deadline. Tests never sleep for a guessed time: they ask until it is so.
import { setTimeout as delay } from "node:timers/promises";

const ASK_EVERY_MS = 25;
const DEADLINE_MS = 10_000;

/** Asks until `probe` answers with something other than undefined; fails after the deadline, naming `what`. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await delay(ASK_EVERY_MS);
  }
}

/** The same for a plain condition. */
export async function waitUntil(
  what: string,
  condition: () => Promise<boolean> | boolean,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  await waitFor(what, async () => ((await condition()) ? true : undefined), deadlineMs);
}
