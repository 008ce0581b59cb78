// Every frame that the tests have: the corpus of scans and benign traffic, the captures of test/capture, and those that
// tests write down, the latter in a frame of every link type.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readCapture } from "../../src/capture/file/capture-file.ts";
import { LinkType } from "../../src/wire/link.ts";
import { concat } from "./capture-writer.ts";
import * as captures from "./captures.ts";
import { hex } from "./hex.ts";
import { repositoryFolder } from "./repository.ts";

export interface LinkFrame {
  readonly linkType: number;
  readonly bytes: Uint8Array;
}

const ipv4Headers: readonly (readonly [number, Uint8Array])[] = [
  [LinkType.Ethernet, hex("0200 0000 0002 0200 0000 0001 0800")],
  [LinkType.Ethernet, hex("0200 0000 0002 0200 0000 0001 88a8 0007 8100 0005 0800")],
  [LinkType.Ethernet, hex("0200 0000 0002 0200 0000 0001 0034 aaaa 0300 0000 0800")],
  [LinkType.Ethernet, hex("0200 0000 0002 0200 0000 0001 8864 1100 0001 002e 0021")],
  [LinkType.LinuxSll, hex("0000 0001 0006 0200 0000 0001 0000 0800")],
  [LinkType.LinuxSll2, hex("0800 0000 0000 0002 0001 00 06 0200 0000 0001 0000")],
  [LinkType.Null, hex("0200 0000")],
  [LinkType.Raw, new Uint8Array()],
];
const ipv6Headers: readonly (readonly [number, Uint8Array])[] = [
  [LinkType.Ethernet, hex("0200 0000 0002 0200 0000 0001 86dd")],
  [LinkType.Ethernet, hex("0200 0000 0002 0200 0000 0001 8100 0005 8864 1100 0001 0042 0057")],
  [LinkType.LinuxSll2, hex("86dd 0000 0000 0002 0001 00 06 0200 0000 0001 0000")],
  [LinkType.Loop, hex("0000 001e")],
  [LinkType.Raw, new Uint8Array()],
];

/** The packets of captures.ts in frames. */
export function writtenFrames(): LinkFrame[] {
  const packets = Object.values(captures).flatMap((one) => (one instanceof Uint8Array ? [one] : [...one]));
  return packets.flatMap((packet) => {
    const isIpv6 = (packet[0] ?? 0) >> 4 === 6;
    const headers = isIpv6 ? ipv6Headers : ipv4Headers;
    return headers.map(([linkType, header]) => ({ linkType, bytes: concat([header, packet]) }));
  });
}

/** Those of every capture in test/corpus and test/capture/fixtures. */
export async function recordedFrames(): Promise<LinkFrame[]> {
  const frames: LinkFrame[] = [];
  const sink = {
    frame(bytes: Uint8Array, at: number, end: number, linkType: number): void {
      frames.push({ linkType, bytes: bytes.slice(at, end) });
    },
  };
  for (const folder of ["test/corpus", "test/capture/fixtures"].map(repositoryFolder)) {
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    for (const name of names.filter((one) => /\.pcap(ng)?(\.gz)?$/.test(one)).sort()) {
      await readCapture(join(folder, name), sink);
    }
  }
  return frames;
}
