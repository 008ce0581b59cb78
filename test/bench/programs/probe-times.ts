// The two ends of the way from a probe to its block, as two programs in two namespaces with one clock (process.hrtime):
//   --role send: one SYN each from --count sources, --every milliseconds; prints when each was handed over, as JSON
//   --role watch: asks the kernel without pause until it blocks the first, the second ...; prints when each was there
import { parseArgs } from "node:util";
import { NfTables } from "../../../src/kernel/nf-tables.ts";
import { TABLE } from "../../../src/table/ruleset-plan.ts";
import { FloodSender, Sources } from "../../support/flood-sender.ts";

const CLOSED_PORT = 23;
const GIVE_UP_SECONDS = 60;
const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { role: text, count: text, every: text, dev: text, mac: text, to: text },
});
const count = Number(values.count ?? 1);
const sources = new Sources();
const timesNs = values.role === "watch" ? watch() : send();
process.stdout.write(`${JSON.stringify(timesNs)}\n`);

function send(): number[] {
  const { dev = "", mac = "", to = "", every } = values;
  const sender = new FloodSender({ device: dev, mac, to });
  const waiting = new Int32Array(new SharedArrayBuffer(4));
  const times = Array.from({ length: count }, () => {
    Atomics.wait(waiting, 0, 0, Number(every ?? 20));
    const time = Number(process.hrtime.bigint());
    sender.send(1, sources, CLOSED_PORT);
    return time;
  });
  sender.close();
  return times;
}

function watch(): number[] {
  const tables = new NfTables(TABLE);
  process.stderr.write("watching\n");
  const end = process.hrtime.bigint() + BigInt(GIVE_UP_SECONDS) * 1_000_000_000n;
  return Array.from({ length: count }, () => {
    const address = sources.next();
    const key = Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
    while (!tables.lookup("blocked4", key).present) {
      if (process.hrtime.bigint() > end) throw new Error(`source ${address} was not blocked`);
    }
    return Number(process.hrtime.bigint());
  });
}
