// Hand-made IP packets, sent from the scanner's side in whatever name they carry; trafgen puts them on the wire.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LINK, SCANNER, TARGET } from "./addresses.ts";
import type { Running } from "./exec.ts";
import type { Host, Lab } from "./lab.ts";

export interface Sending {
  /** Packets a second; as fast as it goes when absent. */
  readonly perSecond?: number;
  /** Destination MAC; the target's when absent. */
  readonly mac?: string;
  /** IEEE 802.1Q tags in front of each packet, the outermost first: priority and VLAN. */
  readonly tags?: readonly number[];
  /** Where it is sent from; the scanner when absent. */
  readonly host?: Host;
}

// -Q: trafgen is not to tune the machine; --cpus 1 keeps the order; -q lets captures on the sender's side see it.
const TRAFGEN = ["trafgen", "--dev", LINK, "--cpus", "1", "-q", "-Q", "-C", "--conf"] as const;

/** Sends each packet once, in order, and returns when all are out. */
export async function sendPackets(lab: Lab, packets: readonly Uint8Array[], how: Sending = {}): Promise<void> {
  const argv = [...TRAFGEN, configuration(lab, packets, how), "--num", String(packets.length), ...rate(how)];
  await (how.host ?? lab.scanner).mustRun(argv);
}

/** Sends the packets round and round until it is stopped. */
export function keepSending(lab: Lab, packets: readonly Uint8Array[], how: Sending): Running {
  return lab.spawn(how.host ?? lab.scanner, [...TRAFGEN, configuration(lab, packets, how), ...rate(how)]);
}

function rate(how: Sending): readonly string[] {
  return how.perSecond === undefined ? [] : ["--rate", `${how.perSecond}pps`];
}

function configuration(lab: Lab, packets: readonly Uint8Array[], how: Sending): string {
  const file = join(lab.folder, `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}.trafgen`);
  const mac = how.mac ?? TARGET.mac;
  writeFileSync(file, packets.map((packet) => `{ ${[...frame(packet, mac, how.tags)].join(", ")} }\n`).join(""));
  return file;
}

/** Ethernet around an IP packet: destination, source, tags, EtherType by the packet's own version. */
export function frame(packet: Uint8Array, mac: string, tags: readonly number[] = []): Uint8Array {
  const etherType = (packet[0] ?? 0) >> 4 === 6 ? [0x86, 0xdd] : [0x08, 0x00];
  const tagged = tags.flatMap((tag) => [0x81, 0x00, tag >> 8, tag & 255]);
  return Uint8Array.from([...macBytes(mac), ...macBytes(SCANNER.mac), ...tagged, ...etherType, ...packet]);
}

function macBytes(mac: string): readonly number[] {
  return mac.split(":").map((part) => Number.parseInt(part, 16));
}
