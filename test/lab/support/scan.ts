// The real scanners, as an attacker runs them: nmap and masscan from one of the scanner's addresses.
import { readFileSync } from "node:fs";
import { type Family, LINK, type Source, TARGET } from "./addresses.ts";
import type { Outcome, Running } from "./exec.ts";
import type { Lab } from "./lab.ts";

const SERVICES = "/usr/share/nmap/nmap-services";
/** Longer than any --host-timeout here: nmap ends by itself. */
const GIVE_UP_MS = 400_000;
/** No host discovery, no names. */
const PLAIN = ["-Pn", "-n"] as const;

export interface Scan {
  readonly family: Family;
  readonly source: Source;
  /** What the scan is: "-sS", "-T4", "-p", "1-100" ... */
  readonly options: readonly string[];
  readonly timeoutSeconds?: number;
  /** The target's own address when absent. */
  readonly to?: string | readonly string[];
}

function nmapArgv({ family, source, options, timeoutSeconds = 20, to = TARGET[family] }: Scan): readonly string[] {
  const six = family === "ipv6" ? ["-6"] : [];
  const where = ["-S", source[family], "-e", LINK, "--host-timeout", `${timeoutSeconds}s`];
  return ["nmap", ...six, ...PLAIN, ...where, ...options, ...[to].flat()];
}

/** As nmap's user runs it, with its repetitions, beside the test. */
export function startNmap(lab: Lab, scan: Scan): Running {
  return lab.spawn(lab.scanner, nmapArgv(scan));
}

/** One packet a port, to its end. */
export async function nmap(lab: Lab, scan: Scan): Promise<Outcome> {
  const argv = nmapArgv({ ...scan, options: ["--max-retries", "0", ...scan.options] });
  const outcome = await lab.scanner.run(argv, "", GIVE_UP_MS);
  if (outcome.code !== 0) throw new Error(`${argv.join(" ")}: code ${outcome.code}\n${outcome.stderr}`);
  return outcome;
}

/** The ports that nmap's report calls open. */
export function portsReportedOpen(report: string): readonly number[] {
  return [...report.matchAll(/^(\d+)\/(?:tcp|udp)\s+open\s/gm)].map((match) => Number(match[1]));
}

/** `rate`: SYNs a second. */
export async function masscan(
  lab: Lab,
  { source, family, to = TARGET[family] }: Omit<Scan, "options">,
  ports: string,
  rate = 1_000,
): Promise<Outcome> {
  const router = family === "ipv6" ? "--router-mac-ipv6" : "--router-mac";
  const where = ["--adapter-ip", source[family], "-e", LINK, router, TARGET.mac];
  const argv = [
    "masscan",
    ...where,
    `-p${ports}`,
    "--range",
    [to].flat().join(","),
    "--rate",
    String(rate),
    "--wait",
    "0",
  ];
  const outcome = await lab.scanner.run(argv);
  if (outcome.code !== 0) throw new Error(`${argv.join(" ")}: code ${outcome.code}\n${outcome.stderr}`);
  return outcome;
}

/** nmap's own list of ports, the most popular first. */
export function popularPorts(count: number, protocol: "tcp" | "udp" = "tcp"): readonly number[] {
  const ports: { port: number; share: number }[] = [];
  for (const line of readFileSync(SERVICES, "utf8").split("\n")) {
    const [, port, its, share] = /^\S+\s+(\d+)\/(tcp|udp)\s+([\d.]+)/.exec(line) ?? [];
    if (port !== undefined && its === protocol) ports.push({ port: Number(port), share: Number(share) });
  }
  ports.sort((a, b) => b.share - a.share);
  return ports.slice(0, count).map((each) => each.port);
}

/** `count` of nmap's top thousand, evenly spread from the popular to the rare. */
export function spreadPorts(count: number): readonly number[] {
  const all = popularPorts(1000);
  const step = all.length / count;
  return Array.from({ length: count }, (_, index) => all[Math.floor((index + 0.5) * step)] ?? 0).sort((a, b) => a - b);
}
