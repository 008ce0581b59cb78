// The two ends of a proof, as two programs in two namespaces with one clock (process.hrtime):
//   --role scan: from each of --count sources a SYN to each of 120 closed ports at once, then 40 unanswered ones again, one
//     every --every milliseconds; prints when each repetition was handed over, a list for each source, as JSON
//   --role watch: asks the kernel again and again until it blocks the first source, the second ...; prints when each was there
import { parseArgs } from "node:util";
import { NfTables } from "../../../src/kernel/nf-tables.ts";
import { TABLE } from "../../../src/table/ruleset-plan.ts";
import { buildTcp } from "../../support/build-packet.ts";
import { RawLink, sleep } from "../../support/raw-link.ts";

const PORTS = Array.from({ length: 120 }, (_, index) => 2_000 + index);
const FINDING_PORTS = [1_990, 1_991, 1_992, 1_993, 1_994, 1_995];
const RST = 0x04;
/** nmap, too, repeats after so long at the earliest; all of it is within the repeat window. */
const ANSWERS_MS = 300;
/** Of about 60: a proof takes 36. */
const ENOUGH = 40;
/** Without any pause it would take one core from those whom it times. */
const LOOK_MS = 0.2;
const GIVE_UP_SECONDS = 300;
const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { role: text, count: text, every: text, dev: text, mac: text, to: text },
});
const count = Number(values.count ?? 1);
const sources = Array.from({ length: count }, (_, index) => [203, 0, 113, 1 + index]);
const times = values.role === "watch" ? watch() : scan();
process.stdout.write(`${JSON.stringify(times)}\n`);

function scan(): number[][] {
  const { dev = "", mac = "", to = "", every } = values;
  const link = new RawLink(dev, mac);
  const each = sources.map((bytes) => scanFrom(link, { source: bytes.join("."), to, everyMs: Number(every ?? 20) }));
  link.close();
  return each;
}

function scanFrom(link: RawLink, how: { source: string; to: string; everyMs: number }): number[] {
  const syn = (destinationPort: number): Uint8Array =>
    buildTcp({ source: how.source, destination: how.to, sourcePort: 40_000, destinationPort });
  while (link.next() !== undefined);
  // The test begins when the source has been found scanning: what found it does not count.
  for (const port of [...FINDING_PORTS, ...PORTS]) link.send(syn(port));
  sleep(ANSWERS_MS);
  const answered = new Set<number>();
  for (let segment = link.next(); segment !== undefined; segment = link.next()) {
    if (segment.destination === how.source && (segment.flags & RST) !== 0) answered.add(segment.sourcePort);
  }
  const unanswered = PORTS.filter((port) => !answered.has(port)).slice(0, ENOUGH);
  return unanswered.map((port) => {
    const packet = syn(port);
    sleep(how.everyMs);
    const timeNs = Number(process.hrtime.bigint());
    link.send(packet);
    return timeNs;
  });
}

function watch(): number[] {
  const tables = new NfTables(TABLE);
  process.stderr.write("watching\n");
  const end = process.hrtime.bigint() + BigInt(GIVE_UP_SECONDS) * 1_000_000_000n;
  return sources.map((bytes) => {
    while (!tables.lookup("blocked4", Uint8Array.from(bytes)).present) {
      if (process.hrtime.bigint() > end) throw new Error(`${bytes.join(".")} was not blocked`);
      sleep(LOOK_MS);
    }
    return Number(process.hrtime.bigint());
  });
}
