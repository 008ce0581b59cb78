// How many listeners this process may have, and which ports those are. Each costs one open file, and the daemon needs
// some for itself: store, journal, control connections, commands that it runs.
import { readFileSync } from "node:fs";
import type { PortRange } from "../../wire/port-range.ts";
import type { ListenProtocol } from "./listen-sink.ts";

const RESERVED_FILES = 512;

/** The soft limit out of the text of /proc/self/limits; "unlimited" and texts without it count as the hard maximum. */
export function parseOpenFilesLimit(text: string): number {
  const match = /^Max open files\s+(\d+)/m.exec(text);
  return match === null ? 1_048_576 : Number(match[1]);
}

/** Node raises the soft limit to the hard one at its start, so this is all that there is to have. */
export function readListenerLimit(): number {
  return listenerLimit(parseOpenFilesLimit(readFileSync("/proc/self/limits", "utf8")));
}

export function listenerLimit(openFiles: number): number {
  return Math.max(0, openFiles - Math.min(RESERVED_FILES, openFiles >> 1));
}

export interface WantedPorts {
  readonly tcp: readonly PortRange[];
  readonly udp: readonly PortRange[];
}

export interface ListenPlan {
  /** The results of portKey(), ascending within a protocol, TCP first. */
  readonly keys: readonly number[];
  readonly leftOut: Readonly<Record<ListenProtocol, readonly PortRange[]>>;
}

const LAST_PORT = 65_535;

export function portKey(protocol: ListenProtocol, port: number): number {
  return protocol * (LAST_PORT + 1) + port;
}

/** Every port of both lists as long as the limit allows; port 0 is none. */
export function planListeners(wanted: WantedPorts, limit: number): ListenPlan {
  const keys: number[] = [];
  const leftOut: Record<ListenProtocol, readonly PortRange[]> = { 6: [], 17: [] };
  for (const protocol of [6, 17] as const) {
    const out: number[] = [];
    for (const port of portsOf(protocol === 6 ? wanted.tcp : wanted.udp)) {
      if (keys.length < limit) keys.push(portKey(protocol, port));
      else out.push(port);
    }
    leftOut[protocol] = rangesOf(out);
  }
  return { keys, leftOut };
}

function portsOf(ranges: readonly PortRange[]): number[] {
  const ports = new Set<number>();
  for (const { first, last } of ranges) {
    for (let port = Math.max(1, first); port <= Math.min(LAST_PORT, last); port++) ports.add(port);
  }
  return [...ports].sort((a, b) => a - b);
}

/** Ascending ports as ranges. */
export function rangesOf(ports: readonly number[]): PortRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const port of ports) {
    const before = ranges.at(-1);
    if (before !== undefined && before.last + 1 === port) before.last = port;
    else ranges.push({ first: port, last: port });
  }
  return ranges;
}
