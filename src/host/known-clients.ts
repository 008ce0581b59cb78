// Reads which sources have finished a real connection to this host lately, and to which port: the known pairs of the kernel's
// rules, or of the file in which they are kept over a restart.
import { setImmediate } from "node:timers/promises";
import { type Clock, printTime, wallClock } from "../base/clock.ts";
import type { KnownClient } from "../control/api.ts";
import { decodeLearned, LearnedBytes, readLearned } from "../table/learned-file.ts";
import type { LearnedElement, Learning } from "../table/learned-sets.ts";
import { sourceOfKey } from "../table/set-key.ts";
import { formatPrefix } from "../wire/address.ts";

/** As they are now, at most 262,144 of each family. Rejects with KernelError. */
export async function listKnownClients(
  sets: Pick<Learning, "visit">,
  clock: Pick<Clock, "wallMs">,
): Promise<Iterable<KnownClient>> {
  const bytes = new LearnedBytes();
  await sets.visit(
    (set, key, untilMs) => bytes.add(set, key, untilMs),
    () => setImmediate(),
  );
  return knownClients(decodeLearned(bytes.finish()) ?? [], clock);
}

/** The clients as they were saved last; none where there is no file, undefined where the file cannot be used. */
export function readKnownClients(path: string): Iterable<KnownClient> | undefined {
  const elements = readLearned(path);
  return elements === undefined ? undefined : knownClients(elements, wallClock);
}

/** Sets of known pairs, and the length of an address in their keys; behind it stands the port. */
const addressBytesOf: Readonly<Record<string, number>> = { known4: 4, known6: 16, knownu4: 4, knownu6: 16 };

function* knownClients(elements: Iterable<LearnedElement>, clock: Pick<Clock, "wallMs">): Generator<KnownClient> {
  for (const { set, key, untilMs } of elements) {
    const addressBytes = addressBytesOf[set] ?? 0;
    const source = sourceOfKey(key.subarray(0, addressBytes));
    if (source === undefined) continue;
    const port = ((key[addressBytes] ?? 0) << 8) | (key[addressBytes + 1] ?? 0);
    const protocol = set === "knownu4" || set === "knownu6" ? "udp" : "tcp";
    yield { source: formatPrefix(source), protocol, port, until: printTime(clock, untilMs) };
  }
}
