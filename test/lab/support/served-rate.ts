// How many connections a second a service makes while a flood comes in, with and without the daemon, on two cores: the flood
// has the first one, sender and the kernel's work on its packets; service, clients and daemon share the second, and the
// clients always want more than they get. So whatever the daemon uses is missing in the rate.
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { LINK, type Source, source, TARGET } from "./addresses.ts";
import type { Daemon } from "./daemon.ts";
import { mustRun, type Running } from "./exec.ts";
import type { Lab } from "./lab.ts";
import { program, visitsSchema } from "./traffic.ts";

const FLOODED_CORE = 0;
const SERVING_CORE = 1;
const SERVED = 8000;
const CLOSED = 23;
const CLIENTS = 4;
const SETTLE_MS = 3_000;
const WINDOW_MS = 8_000;
/** USER_HZ, 100 on every Linux that we run on. */
const TICK_MS = 10;

export interface Window {
  readonly perSecond: number;
  /** For each second of the processor that clients, service and daemon have used: other work on the machine is not in it. */
  readonly perCpuSecond: number;
  /** Packets of the flood in a second. */
  readonly flooded: number;
  /** Share of a core that the daemon used, and microseconds of it for each packet of the flood; 0 without it. */
  readonly daemonCores: number;
  readonly daemonUs: number;
}

function on(core: number, argv: readonly string[]): readonly string[] {
  return ["taskset", "-c", `${core}`, ...argv];
}

export async function startService(lab: Lab): Promise<Running> {
  // The clients close first: their ports would stay in TIME_WAIT for a minute, and be hard to find after some seconds.
  await lab.scanner.set("net.ipv4.tcp_max_tw_buckets", "0");
  await lab.scanner.set("net.ipv4.ip_local_port_range", "1024 65535");
  const service = lab.spawn(lab.target, on(SERVING_CORE, program("listen", { tcp: SERVED })));
  await service.waitForLine(/^ready$/);
  return service;
}

/** `sources` in rounds, or with 0 a new one in each packet; until it is stopped. */
export function startFlood(lab: Lab, flood: { readonly sources: number; readonly rate: number }): Running {
  const to = { dev: LINK, mac: TARGET.mac, to: TARGET.ipv4, port: CLOSED };
  return lab.spawn(lab.scanner, on(FLOODED_CORE, program("flood", { ...to, ...flood })));
}

/** Moves all threads of the daemon to the core of the service. */
export async function pinDaemon(daemon: Daemon): Promise<void> {
  await mustRun(["taskset", "-acp", `${SERVING_CORE}`, `${daemon.pid}`]);
}

/** Four known clients, each opening connections as fast as it can, until finish(). */
export class Clients {
  readonly #running: readonly Running[];

  constructor(lab: Lab) {
    const sources = Array.from({ length: CLIENTS }, (_, index): Source => source(101 + index));
    this.#running = sources.map(({ ipv4: from }) => {
      const how = { to: TARGET.ipv4, from, port: SERVED, count: Number.MAX_SAFE_INTEGER, lanes: 4 };
      return lab.spawn(lab.scanner, on(SERVING_CORE, program("connect", how)));
    });
  }

  get pids(): readonly number[] {
    return this.#running.map(({ pid = 0 }) => pid);
  }

  /** How many connections failed, of all. */
  async finish(): Promise<number> {
    await Promise.all(this.#running.map((client) => client.stop()));
    const visits = this.#running.map(({ lines }) => visitsSchema.parse(JSON.parse(lines.at(-1) ?? "")));
    return visits.reduce((sum, { failed }) => sum + failed, 0);
  }
}

/** Connections that the service's kernel has accepted so far (RFC 4022: tcpPassiveOpens). */
function acceptedBy({ pid = 0 }: Running): number {
  const lines = readFileSync(`/proc/${pid}/net/snmp`, "latin1").split("\n");
  const [names = [], values = []] = lines.filter((line) => line.startsWith("Tcp:")).map((line) => line.split(" "));
  return Number(values[names.indexOf("PassiveOpens")]);
}

/** User and system time of a process so far. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function sentBy(flood: Running): number {
  const told: unknown = JSON.parse(flood.lines.findLast((line) => line.startsWith("{")) ?? '{"sent":0}');
  return typeof told === "object" && told !== null && "sent" in told ? Number(told.sent) : 0;
}

/** What happens in a window of time, once everything has settled in. */
export async function measureWindow(
  { service, clients }: { readonly service: Running; readonly clients: Clients },
  flood: Running,
  daemon: Daemon | undefined,
): Promise<Window> {
  await delay(SETTLE_MS);
  const now = () => ({
    ms: performance.now(),
    accepted: acceptedBy(service),
    servingMs: [service.pid ?? 0, ...clients.pids].reduce((sum, pid) => sum + cpuMs(pid), 0),
    sent: sentBy(flood),
    cpuMs: daemon === undefined ? 0 : cpuMs(daemon.pid),
  });
  const before = now();
  await delay(WINDOW_MS);
  const after = now();
  const [ms, sent, usedMs] = [after.ms - before.ms, after.sent - before.sent, after.cpuMs - before.cpuMs];
  const accepted = after.accepted - before.accepted;
  return {
    perSecond: (1000 * accepted) / ms,
    perCpuSecond: (1000 * accepted) / (after.servingMs - before.servingMs + usedMs),
    flooded: (1000 * sent) / ms,
    daemonCores: usedMs / ms,
    daemonUs: (1000 * usedMs) / sent,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
