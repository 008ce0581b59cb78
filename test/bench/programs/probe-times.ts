// The two ends of the way from a probe to its block, as two programs in two namespaces with one clock (process.hrtime):
//   --role send: one SYN each from --count sources, --every milliseconds; prints when each was handed over, as JSON
//   --role watch: asks the kernel without pause until it blocks the first, the second ...; prints when each was there
import { parseArgs } from "node:util";
import { TABLE } from "../../../src/block/ruleset.ts";
import { NfTables } from "../../../src/kernel/nf-tables.ts";
import { isOutside, scramble, sendFlood } from "../../support/flood-sender.ts";

const GIVE_UP_SECONDS = 60;
const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { role: text, count: text, every: text, dev: text, mac: text, to: text },
});
const count = Number(values.count ?? 1);
// Whose address is valid as it comes: each is then the only one that its flood of one sends.
const counters: number[] = [];
for (let counter = 0; counters.length < count; counter++) if (isOutside(scramble(counter))) counters.push(counter);
const timesNs = values.role === "watch" ? watch() : send();
process.stdout.write(`${JSON.stringify(timesNs)}\n`);

function send(): number[] {
  const { dev = "", mac = "", to = "", every } = values;
  const waiting = new Int32Array(new SharedArrayBuffer(4));
  return counters.map((first) => {
    Atomics.wait(waiting, 0, 0, Number(every ?? 20));
    return sendFlood({ device: dev, mac, to, count: 1, first }).startedNs;
  });
}

function watch(): number[] {
  const tables = new NfTables(TABLE);
  process.stderr.write("watching\n");
  const end = process.hrtime.bigint() + BigInt(GIVE_UP_SECONDS) * 1_000_000_000n;
  return counters.map((counter) => {
    const address = scramble(counter);
    const key = Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
    while (!tables.lookup("blocked4", key).present) {
      if (process.hrtime.bigint() > end) throw new Error(`source ${address} was not blocked`);
    }
    return Number(process.hrtime.bigint());
  });
}
