// Asks every port from every address, each once, in an order of its own from each address, and says what each port drew:
//   sweep.js --dev DEVICE --mac MAC --to ADDRESS --from ADDRESS,... --first PORT --count N --rate PPS [--flags N]
// Prints [{"port": n, "rsts": n, "synAcks": n, "delayMs": mean or 0, "forms": ["..."]}, ...].
import { parseArgs } from "node:util";
import { buildTcp } from "../../../support/build-packet.ts";
import { RawLink, type Segment, sleep } from "../../../support/raw-link.ts";

const [SYN_ACK, RST] = [0x12, 0x04];
/** From the last SYN to the last answer that is waited for. */
const PATIENCE_MS = 1_500;
/** The source port of the sweep of one address; its SYNs to all ports have the same. */
const SOURCE_PORT = 40_404;
/** With SYN cookies window scale and selective acknowledgments are left out of the answer. */
const OPTIONS = [2, 4, 0x05, 0xb4, 4, 2, 1, 3, 3, 7, 0, 0];
const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { dev: text, mac: text, to: text, from: text, first: text, count: text, rate: text, flags: text },
});
const { dev = "", mac = "", to = "", from = "" } = values;
const [first, count, rate] = [Number(values.first), Number(values.count), Number(values.rate)];
const sources = from.split(",");
/** SYN unless told. */
const flags = Number(values.flags ?? 2);
const link = new RawLink(dev, mac, to.includes(":") ? 6 : 4);
const drawn = Array.from({ length: count }, (_, index) => ({
  port: first + index,
  rsts: 0,
  synAcks: 0,
  delayMs: 0,
  forms: new Set<string>(),
}));
/** When each (source, port) was asked. */
const askedMs = new Map<string, number>();
const orders = sources.map(() => shuffled(count));
const started = performance.now();
let sent = 0;

for (let turn = 0; turn < count; turn++) {
  for (const [index, source] of sources.entries()) {
    ask(source, first + (orders[index]?.[turn] ?? 0));
    pace();
  }
}
for (const endMs = performance.now() + PATIENCE_MS; performance.now() < endMs; sleep(1)) listen();
const told = drawn.map(({ delayMs, forms, ...each }) => ({
  ...each,
  delayMs: each.rsts + each.synAcks === 0 ? 0 : delayMs / (each.rsts + each.synAcks),
  forms: [...forms].sort(),
}));
process.stdout.write(`${JSON.stringify(told)}\n`);
link.close();

function ask(source: string, destinationPort: number): void {
  askedMs.set(`${expanded(source)} ${destinationPort}`, performance.now());
  link.send(
    buildTcp({ source, destination: to, sourcePort: SOURCE_PORT, destinationPort, flags, tcpOptions: OPTIONS }),
  );
  sent++;
}

/** Hears the answers while it waits: their delay is measured. */
function pace(): void {
  const dueMs = started + (1000 * sent) / rate;
  do {
    listen();
    const leftMs = dueMs - performance.now();
    if (leftMs > 1) sleep(1);
  } while (performance.now() < dueMs);
}

function listen(): void {
  for (let segment = link.next(); segment !== undefined; segment = link.next()) take(segment);
}

function take({ destination, destinationPort, sourcePort, flags: drawnFlags, form }: Segment): void {
  const port = drawn[sourcePort - first];
  const key = `${destination} ${sourcePort}`;
  const thenMs = askedMs.get(key);
  if (destinationPort !== SOURCE_PORT || port === undefined || thenMs === undefined) return;
  // The first answer only: a SYN+ACK is sent again when nobody acknowledges it.
  askedMs.delete(key);
  if ((drawnFlags & RST) !== 0) port.rsts++;
  else if ((drawnFlags & SYN_ACK) === SYN_ACK) port.synAcks++;
  port.delayMs += performance.now() - thenMs;
  port.forms.add(form);
}

/** As RawLink writes an address. */
function expanded(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.split("::");
  const groups = (part: string) => part.split(":").filter((group) => group !== "");
  const middle = 8 - groups(head).length - groups(tail).length;
  return [...groups(head), ...Array.from({ length: middle }, () => "0"), ...groups(tail)].join(":");
}

function shuffled(length: number): number[] {
  const numbers = Array.from({ length }, (_, index) => index);
  for (let last = length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [numbers[last], numbers[other]] = [numbers[other] ?? 0, numbers[last] ?? 0];
  }
  return numbers;
}
