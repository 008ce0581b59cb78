// How much a scanner learns: the open ports that answered SYN+ACK to it, counted on its own side of the wire.
import { type Family, type Source, source } from "./addresses.ts";
import { Capture, portsThatAnswered } from "./capture.ts";
import type { Lab } from "./lab.ts";
import { nmap } from "./scan.ts";

export interface LeakScan {
  readonly name: string;
  readonly options: readonly string[];
  readonly timeoutSeconds: number;
  /** The target's own addresses when absent. */
  readonly to?: Readonly<Record<Family, string>>;
}

export const TOP_PORTS = 1000;

/** A held scanner waits for each port in vain: it needs about 100 s to ask all thousand, or is cut short. */
export function topScans(timeoutSeconds: number): readonly LeakScan[] {
  return ["-sS -T4", "-sS -T3", "-sT -T4"].map((name) => ({
    name,
    options: [...name.split(" "), "--top-ports", String(TOP_PORTS)],
    timeoutSeconds,
  }));
}
export const everyPort: LeakScan = { name: "-sS -T5 -p-", options: ["-sS", "-T5", "-p-"], timeoutSeconds: 100 };

export interface Leak {
  readonly scan: string;
  readonly family: Family;
  /** Open ports that answered. */
  readonly ports: readonly number[];
  /** How many ports the scanner asked before it gave up. */
  readonly asked: number;
}

/**
 * Runs scans beside each other, each from a source of its own (numbers from `firstSource` on), and counts per source.
 * A held scan is mostly waiting, so that they do not hinder each other.
 */
export async function measureLeaks(
  lab: Lab,
  family: Family,
  scans: readonly LeakScan[],
  firstSource: number,
): Promise<readonly Leak[]> {
  const capture = await Capture.start(lab);
  const sources = scans.map((_, index) => source(firstSource + index));
  await Promise.all(scans.map((scan, index) => runScan(lab, family, scan, sources[index] ?? source(firstSource))));
  const segments = await capture.stop();
  return scans.map((scan, index) => {
    const address = sources[index]?.[family] ?? "";
    const asked = new Set(segments.filter((each) => each.from === address).map((each) => each.toPort)).size;
    return { scan: scan.name, family, ports: portsThatAnswered(segments, address), asked };
  });
}

async function runScan(lab: Lab, family: Family, scan: LeakScan, from: Source): Promise<void> {
  const { options, timeoutSeconds, to } = scan;
  await nmap(lab, { family, source: from, options, timeoutSeconds, ...(to !== undefined && { to: to[family] }) });
}

export function mean(leaks: readonly Leak[]): number {
  return leaks.reduce((sum, leak) => sum + leak.ports.length, 0) / leaks.length;
}

export function describe(leaks: readonly Leak[]): string {
  const line = ({ scan, family, ports, asked }: Leak): string =>
    `${family} ${scan}: ${ports.length} [${ports.join(" ")}] answered, ${asked} ports were asked`;
  return leaks.map(line).join("\n");
}
