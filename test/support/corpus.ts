// The captures of test/corpus and what is true about each (README.md there), for tests that need real packets.
// Reads only what scripts/corpus.mjs writes: pcap of tcpdump on a little-endian machine, Ethernet without tags.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export interface Scanner {
  readonly source: string;
  readonly kinds: readonly string[];
  /** Null: its packets name no tool. */
  readonly tool: string | null;
  readonly tools?: readonly string[];
  readonly targets: readonly string[];
  readonly ports?: readonly number[];
  readonly openPorts?: readonly number[];
  readonly isForged?: boolean;
}

export interface Expected {
  readonly homes: readonly string[];
  readonly oneSided?: boolean;
  readonly unanswered?: boolean;
  readonly scanners: readonly Scanner[];
  readonly decoys: readonly string[];
  readonly innocent: readonly string[];
  readonly coordinated?: readonly { readonly members: readonly string[] }[];
}

export interface Capture {
  /** "nmap/syn". */
  readonly name: string;
  readonly file: string;
  readonly expected: Expected;
}

const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;
export const ETHERNET_BYTES = 14;

/** build/test/support of a repository, or of a build folder elsewhere: then the working directory's corpus. */
const folders = [resolve(import.meta.dirname, "../../../test/corpus"), resolve("test/corpus")];
const root = folders.find((folder) => existsSync(join(folder, "README.md"))) ?? folders[0] ?? "";

export function captures(group?: string): readonly Capture[] {
  const groups = group === undefined ? ["innocent", "nmap", "tools"] : [group];
  return groups.flatMap((one) =>
    readdirSync(join(root, one))
      .filter((name) => name.endsWith(".pcap"))
      .sort()
      .map((name) => capture(`${one}/${name.slice(0, -".pcap".length)}`)),
  );
}

export function capture(name: string): Capture {
  const expected: Expected = JSON.parse(readFileSync(join(root, `${name}.expected.json`), "utf8"));
  return { name, file: join(root, `${name}.pcap`), expected };
}

export interface Frame {
  readonly bytes: Uint8Array;
  /** Since the epoch. */
  readonly timeMs: number;
}

export function* frames({ file }: Capture): Generator<Frame> {
  const bytes = readFileSync(file);
  for (let at = FILE_HEADER_BYTES; at < bytes.length; ) {
    const timeMs = bytes.readUInt32LE(at) * 1000 + bytes.readUInt32LE(at + 4) / 1000;
    const captured = bytes.readUInt32LE(at + 8);
    at += PACKET_HEADER_BYTES;
    yield { bytes: bytes.subarray(at, at + captured), timeMs };
    at += captured;
  }
}
