// A blind forger against the silence test: SYNs in the names of many sources, each to the same closed ports, and after that
// some of them again, by a pattern that it cannot have from our answers, for they go to others:
//   always | never | half (at random, each source its own) | copy (of what a real scanner, --from, repeats: it sees its answers)
//   blind.js --dev DEVICE --mac MAC --to ADDRESS --from ADDRESS --pattern P --packets N --ports N --rate PPS
// Prints {"sent": n, "sources": n, "answered": n} (answers that the real scanner got). Sources: 11.0.0.0/8, another in each run.
import { parseArgs } from "node:util";
import { buildTcp } from "../../../support/build-packet.ts";
import { RawLink, sleep } from "../../../support/raw-link.ts";

const FIRST_PORT = 2_000;
const RST = 0x04;
/** From the last first contact of a source to its repetitions; within the window of 3 s. */
const PAUSE_MS = 300;
/** Sources that are forged beside each other. */
const TEAM = 8;
const text = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    dev: text,
    mac: text,
    to: text,
    from: text,
    pattern: text,
    packets: text,
    ports: text,
    rate: text,
    net: text,
  },
});
const { dev = "", mac = "", to = "", from = "", pattern = "half" } = values;
const [packets, rate] = [Number(values.packets), Number(values.rate)];
const ports = Array.from({ length: Number(values.ports) }, (_, index) => FIRST_PORT + index);
const link = new RawLink(dev, mac);
const started = performance.now();
let sent = 0;
let sources = 0;

const copied = pattern === "copy" ? new Set(scanForReal()) : new Set<number>();
const answered = pattern === "copy" ? ports.length - copied.size : 0;
while (sent < packets) forgeTeam();
process.stdout.write(`${JSON.stringify({ sent, sources, answered })}\n`);
link.close();

function send(source: string, destinationPort: number): void {
  link.send(buildTcp({ source, destination: to, sourcePort: 40_000, destinationPort }));
}

/** As a scanner does it: which ports were not answered, and so are asked again. */
function scanForReal(): number[] {
  for (const port of ports) send(from, port);
  sleep(PAUSE_MS);
  const closed = new Set<number>();
  for (let segment = link.next(); segment !== undefined; segment = link.next()) {
    if (segment.destination === from && (segment.flags & RST) !== 0) closed.add(segment.sourcePort);
  }
  const again = ports.filter((port) => !closed.has(port));
  for (const port of again) send(from, port);
  return again;
}

function forgeTeam(): void {
  const names = Array.from(
    { length: TEAM },
    () => `11.${values.net ?? "0"}.${(sources >> 8) & 255}.${sources++ & 255}`,
  );
  const pace = (count: number): void => {
    sent += count;
    sleep((1000 * sent) / rate - (performance.now() - started));
  };
  for (const port of ports) {
    for (const name of names) send(name, port);
    pace(TEAM);
  }
  sleep(PAUSE_MS);
  for (const port of ports) {
    const again = names.filter(() => isRepeated(port));
    for (const name of again) send(name, port);
    pace(again.length);
  }
}

function isRepeated(port: number): boolean {
  switch (pattern) {
    case "always":
      return true;
    case "never":
      return false;
    case "copy":
      return copied.has(port);
    default:
      return Math.random() < 0.5;
  }
}
