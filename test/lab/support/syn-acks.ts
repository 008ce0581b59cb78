// The SYN+ACKs that a SYN draws, byte by byte as they come over the wire; what has to differ between two ports of one
// host (addresses, ports, checksums, sequence numbers, clocks, IPv6 flow labels) is made zero.
import { buildTcp } from "../../support/build-packet.ts";
import { type Family, LINK, TARGET } from "./addresses.ts";
import type { Lab } from "./lab.ts";
import { sendPackets } from "./raw.ts";
import { waitUntil } from "./wait.ts";

const TIMESTAMPS = 8;

/** The options of a SYN, as different senders write them. */
export const synForms: Readonly<Record<string, readonly number[]>> = {
  "no options": [],
  "nmap, masscan": [2, 4, 0x05, 0xb4],
  "a small segment": [2, 4, 0x02, 0x18],
  linux: [2, 4, 0x05, 0xb4, 4, 2, TIMESTAMPS, 10, 0, 0, 1, 2, 0, 0, 0, 0, 1, 3, 3, 7],
  "windows: no timestamps": [2, 4, 0x05, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2],
  "timestamps alone": [1, 1, TIMESTAMPS, 10, 0, 0, 1, 2, 0, 0, 0, 0],
};

export interface Ask {
  readonly family: Family;
  readonly from: string;
  readonly ports: readonly number[];
  readonly options: readonly number[];
  /** SYN unless told; 0xc2 is a SYN that offers ECN. */
  readonly flags?: number;
}

/** By port, as hexadecimal text: the IP packet of the first answer. Fails when a port does not answer. */
export async function synAcks(lab: Lab, ask: Ask): Promise<ReadonlyMap<number, string>> {
  const { family, from, ports, options, flags = 2 } = ask;
  const [v4, v6] = ["tcp[13] & 18 = 18", "ip6[6] = 6 and ip6[53] & 18 = 18"];
  const filter = `dst host ${from} and (${family === "ipv4" ? v4 : v6})`;
  const tcpdump = lab.spawn(lab.scanner, ["tcpdump", "-i", LINK, "-lnnx", "--immediate-mode", "-s", "256", filter]);
  await tcpdump.waitForLine(/listening on/);
  const to = TARGET[family];
  const syns = ports.map((destinationPort) =>
    buildTcp({ source: from, destination: to, sourcePort: 40_404, destinationPort, tcpOptions: options, flags }),
  );
  await sendPackets(lab, syns);
  const answers = () => packetsOf(tcpdump.lines);
  await waitUntil(`answers of ${ports.join(", ")}`, () => ports.every((port) => answers().has(port)));
  await tcpdump.stop("SIGINT");
  return new Map(ports.map((port) => [port, masked(answers().get(port) ?? Buffer.alloc(0))]));
}

/** tcpdump's hexadecimal lines, put together again; the first packet of each source port. */
function packetsOf(lines: readonly string[]): Map<number, Buffer> {
  const packets = new Map<number, Buffer>();
  let text = "";
  const end = () => {
    const packet = Buffer.from(text, "hex");
    const port = packet.length < 40 ? undefined : packet.readUInt16BE(transportAt(packet));
    // The last one may not be whole yet.
    if (port !== undefined && packet.length >= lengthOf(packet) && !packets.has(port)) packets.set(port, packet);
    text = "";
  };
  for (const line of lines) {
    const hex = /^\s+0x[0-9a-f]+:\s+((?:[0-9a-f]+\s?)+)$/.exec(line)?.[1];
    if (hex === undefined) end();
    else text += hex.replaceAll(" ", "");
  }
  end();
  return packets;
}

const isFour = (packet: Buffer) => packet.readUInt8(0) >> 4 === 4;
const transportAt = (packet: Buffer) => (isFour(packet) ? (packet.readUInt8(0) & 15) * 4 : 40);
const lengthOf = (packet: Buffer) => (isFour(packet) ? packet.readUInt16BE(2) : 40 + packet.readUInt16BE(4));

function masked(packet: Buffer): string {
  const bytes = Buffer.from(packet.subarray(0, lengthOf(packet)));
  const at = transportAt(bytes);
  if (isFour(bytes)) bytes.fill(0, 10, 12).fill(0, 16, 20);
  else bytes.fill(0, 1, 4).fill(0, 24, 40);
  // Source port, sequence number, checksum.
  bytes
    .fill(0, at, at + 2)
    .fill(0, at + 4, at + 8)
    .fill(0, at + 16, at + 18);
  const end = at + (bytes.readUInt8(at + 12) >> 4) * 4;
  for (let option = at + 20; option < end && bytes.readUInt8(option) !== 0; ) {
    const kind = bytes.readUInt8(option);
    if (kind === TIMESTAMPS) bytes.fill(0, option + 2, option + 6);
    option += kind === 1 ? 1 : Math.max(2, bytes.readUInt8(option + 1));
  }
  return bytes.toString("hex");
}
