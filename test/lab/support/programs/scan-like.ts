// Scanners that Debian does not have, imitated packet for packet as their sources make them (named in measured.md), and a patient
// one that behaves like a customer. Each ends by itself, or after --seconds:
//   naabu          (projectdiscovery/naabu, SYN mode) 1,000 SYNs a second from one source port, MSS alone, window 1024, all ports
//                  in a random order, and all that did not answer twice more
//   naabu-connect  (the same, connect mode) three connections to each port, 1,500 at a time, given up after 5 s
//   rustscan       (RustScan/RustScan) a connection to each port, 4,500 at a time, given up after 1.5 s, ended at once
//   patient        one connection after the other, each waits for the server's byte as long as a customer, and ends by FIN
//   scan-like.js --like NAME --dev DEVICE --mac MAC --to ADDRESS --from ADDRESS --ports N,N-N,... [--shuffle] [--seconds N]
import { connect } from "node:net";
import { parseArgs } from "node:util";
import { buildTcp } from "../../../support/build-packet.ts";
import { RawLink, sleep } from "../../../support/raw-link.ts";

const text = { type: "string", default: "" } as const;
const { values } = parseArgs({
  options: {
    ...{ like: text, dev: text, mac: text, to: text, from: text, ports: text },
    seconds: { type: "string", default: "30" },
    shuffle: { type: "boolean", default: false },
  },
});
const { to, from } = values;
const endMs = performance.now() + 1000 * Number(values.seconds);
const PASSES = 3;
const SYN_ACK = 0x12;

const ports = values.ports.split(",").flatMap((piece) => {
  const [first = 0, last = first] = piece.split("-").map(Number);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
});

function shuffled(list: readonly number[]): number[] {
  const mixed = [...list];
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    [mixed[at], mixed[other]] = [mixed[other] ?? 0, mixed[at] ?? 0];
  }
  return mixed;
}

/** All ports in another order each time. */
const passes = (): readonly number[] => Array.from({ length: PASSES }, () => shuffled(ports)).flat();

function naabu(): void {
  const { dev, mac } = values;
  const link = new RawLink(dev, mac, to.includes(":") ? 6 : 4);
  const sourcePort = 33_000 + Math.floor(Math.random() * 20_000);
  const tcpOptions = [2, 4, 0x05, 0xb4];
  const open = new Set<number>();
  const startedMs = performance.now();
  let sent = 0;
  for (const destinationPort of passes()) {
    if (performance.now() > endMs) break;
    for (let segment = link.next(); segment !== undefined; segment = link.next()) {
      if (segment.destinationPort === sourcePort && (segment.flags & SYN_ACK) === SYN_ACK) open.add(segment.sourcePort);
    }
    if (open.has(destinationPort)) continue;
    const sequence = Math.floor(Math.random() * 2 ** 32);
    link.send(buildTcp({ source: from, destination: to, sourcePort, destinationPort, sequence, tcpOptions }));
    sleep(++sent - (performance.now() - startedMs));
  }
  link.close();
}

/** Returns when the connection is over, or was given up. `waits`: for the server's byte. */
function attempt(port: number, timeoutMs: number, waits: boolean): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: to, port, localAddress: from });
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.on("connect", () => (waits ? undefined : socket.destroy()));
    socket.on("data", () => socket.end());
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function connectAll(list: readonly number[], lanes: number, timeoutMs: number, waits = false): Promise<void> {
  const waiting = list.values();
  const lane = async () => {
    for (const port of waiting) {
      if (performance.now() > endMs) return;
      await attempt(port, timeoutMs, waits);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, list.length) }, lane));
}

const order = values.shuffle ? shuffled(ports) : ports;
const likes: Readonly<Record<string, () => void | Promise<void>>> = {
  naabu,
  "naabu-connect": () => connectAll(passes(), 1_500, 5_000),
  rustscan: () => connectAll(order, 4_500, 1_500),
  patient: () => connectAll(order, 1, 15_000, true),
};
const like = likes[values.like];
if (like === undefined) throw new Error(`--like ${values.like}: one of ${Object.keys(likes).join(", ")}`);
await like();
