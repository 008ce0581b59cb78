// Asks a DNS server for an address again and again, another name each time so that nothing is cached. Prints
// {"asked": n, "answered": n, "failed": n} whenever it changes; ends on SIGTERM.
//   ask.js --server ADDRESS --every MS
import { Resolver } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";

const text = { type: "string" } as const;
const { values } = parseArgs({ options: { server: text, every: text } });
/** Long: a busy machine is no failure. One try: an answer that had to be asked for twice is one. */
const resolver = new Resolver({ timeout: 5_000, tries: 1 });
resolver.setServers([values.server ?? ""]);
const counts = { asked: 0, answered: 0, failed: 0 };

for (;;) {
  counts.asked++;
  try {
    const addresses = await resolver.resolve4(`q${counts.asked}.lab.test`);
    if (addresses.length > 0) counts.answered++;
  } catch (error) {
    counts.failed++;
    process.stderr.write(`${String(error)}\n`);
  }
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  await delay(Number(values.every ?? 50));
}
